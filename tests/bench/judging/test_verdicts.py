"""Intervals are exact, verdicts symmetric, and looking more than once costs nothing."""

import numpy as np
import pytest
from scipy.stats import mannwhitneyu, wilcoxon

from bench.cases.case import Case
from bench.cases.workloads import mission
from bench.gate import looks
from bench.gate.margins import Margins
from bench.gate.rounds import Times
from bench.judging.verdicts import MARGIN, Interval, Verdict, paired, unpaired, verdict
from bench.workers.messages import Item

CASE = Case(mission(1), "model", "forward", "float32", "relu", "scan")
INFINITY = float("inf")


@pytest.mark.parametrize("rounds", [6, 8, 16, 24])
@pytest.mark.parametrize("error", [0.05, 0.05 / 3, 0.3])
def test_a_paired_interval_is_what_scipys_exact_test_does_not_reject(rounds, error):
    values = np.random.default_rng(rounds).normal(0.03, 0.02, rounds)
    interval = paired(list(values), error)
    if interval.low == -INFINITY:
        assert wilcoxon(values + 1, method="exact").pvalue > error
        return
    for end, inwards in ((interval.low, 1e-9), (interval.high, -1e-9)):
        assert wilcoxon(values - end - inwards, method="exact").pvalue > error
        assert wilcoxon(values - end + inwards, method="exact").pvalue <= error
    assert interval.low < interval.estimate < interval.high


@pytest.mark.parametrize(("n", "m"), [(3, 3), (3, 5), (7, 4)])
def test_an_unpaired_interval_is_what_scipys_exact_test_does_not_reject(n, m):
    random = np.random.default_rng(n + m)
    base, head = random.normal(0, 0.1, n), random.normal(0.3, 0.1, m)
    interval = unpaired(list(base), list(head), 0.1)
    for end, inwards in ((interval.low, 1e-9), (interval.high, -1e-9)):
        assert mannwhitneyu(head - end - inwards, base, method="exact").pvalue > 0.1
        assert mannwhitneyu(head - end + inwards, base, method="exact").pvalue <= 0.1 + 1e-12


def test_too_few_samples_say_nothing():
    assert paired([0.5] * 5, 0.05).low == -INFINITY
    assert unpaired([0.0], [0.5], 0.1).high == INFINITY
    for interval in (paired([], 0.05), paired([0.5] * 5, 0.05), unpaired([], [], 0.1)):
        assert verdict(interval, MARGIN) == Verdict.AMBIGUOUS


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.05, 0.06, "SLOWER"),
        (-0.06, -0.05, "FASTER"),
        (-0.048, 0.048, "SAME"),
        (0.01, 0.048, "SAME"),
        (0.04, 0.06, "AMBIGUOUS"),
        (-0.06, 0.06, "AMBIGUOUS"),
    ],
)
def test_a_verdict_needs_the_whole_interval(low, high, expected):
    assert verdict(Interval(low, (low + high) / 2, high), 0.05) == expected
    exchanged = {"SLOWER": "FASTER", "FASTER": "SLOWER"}.get(expected, expected)
    assert verdict(Interval(-high, -(low + high) / 2, -low), 0.05) == exchanged


def drawn(log_ratio, spread, heavy_tailed=False):
    """Invented rounds, of this centre and spread."""
    random = np.random.default_rng(7)

    def play(items):
        noise = random.standard_t(3, len(items)) if heavy_tailed else random.normal(size=len(items))
        ratios = np.exp(log_ratio + spread * noise)
        return {item: Times(1.0, float(r)) for item, r in zip(items, ratios, strict=True)}

    return play


def verdicts_on(count, play):
    items = [Item(CASE, float(number)) for number in range(count)]
    *_, rows = looks.interim_results(items, Margins(), INFINITY, play, lambda *_: None)
    return [row.outcome for row in rows]


MANY = 1500
EXPECTED = 0.025 * MANY  # one side's error
AT_MOST = EXPECTED + 3 * np.sqrt(EXPECTED)


@pytest.mark.parametrize("heavy_tailed", [False, True])
@pytest.mark.parametrize("spread", [0.02, 0.05])
def test_three_looks_keep_the_error_where_it_is_largest(spread, heavy_tailed):
    """A change of exactly the margin: the interval misses it on one side in 2.5 % of cases."""
    found = verdicts_on(MANY, drawn(np.log1p(MARGIN), spread, heavy_tailed))
    assert found.count("SLOWER") <= AT_MOST and found.count("SAME") <= AT_MOST


def test_three_looks_that_do_not_share_the_error_exceed_it(monkeypatch):
    monkeypatch.setattr(looks, "PAIRED_ERROR", looks.PAIRED_ERROR * len(looks.LOOKS))
    assert verdicts_on(MANY, drawn(np.log1p(MARGIN), 0.02)).count("SLOWER") > AT_MOST


def test_equals_raise_no_alarm_and_ten_percent_is_found():
    assert "SLOWER" not in verdicts_on(MANY, drawn(0.0, 0.05, heavy_tailed=True))
    found = verdicts_on(MANY, drawn(np.log1p(0.10), 0.035))
    assert found.count("SLOWER") >= 0.98 * MANY


def test_only_what_is_ambiguous_is_played_on():
    played = []

    def play(items):
        played.append(len(items))
        slower = {0.0: 1.0, 1.0: 1.0 + MARGIN}
        noise = 1.0 + 0.01 * (-1) ** len(played)
        return {item: Times(1.0, float(slower[item.extra] * noise)) for item in items}

    assert verdicts_on(2, play) == ["SAME", "AMBIGUOUS"]
    assert played == [2] * 8 + [1] * 16
