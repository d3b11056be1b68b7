"""How well a time and a ratio are known, and what is said of a time that is not."""

import dataclasses
from math import exp, inf, isinf, log

import numpy as np
import pytest
from helpers.sample_runs import QUIET, timed, visit

from bench.cases.workloads import mission
from bench.judging import precision
from bench.records.facts import GpuConditions


def result(*visits, kernel="scan"):
    return dataclasses.replace(timed(mission(1), kernel, 1.0), visits=visits)


def measured(rng, visits, process, turn=0.05):
    """One millisecond, in processes and turns of these spreads; a turn in ten is disturbed."""
    found = []
    for _ in range(visits):
        levels = 1e-3 * np.exp(rng.normal(0, process) + rng.normal(0, turn, 6))
        levels *= np.where(rng.random(6) < 0.1, 1.5, 1.0)
        found.append(visit(*[(level,) * 3 for level in levels]))
    return result(*found)


@pytest.mark.parametrize("visits", [8, 16])
@pytest.mark.parametrize("process", [0.0, 0.05])
def test_the_interval_holds_the_ratio_as_often_as_it_says(visits, process):
    """Of two equals: what disturbs one turn in ten shifts the time, and the ratio not."""
    rng = np.random.default_rng(0)
    pairs = [[measured(rng, visits, process) for _ in range(2)] for _ in range(300)]
    intervals = [precision.ratio(*pair) for pair in pairs]
    held = np.mean([interval.low <= 0 <= interval.high for interval in intervals])
    assert 0.92 <= held <= 0.99


def test_equals_are_hardly_ever_called_apart():
    rng = np.random.default_rng(1)
    pairs = [[measured(rng, 8, 0.03) for _ in range(2)] for _ in range(400)]
    assert np.mean([precision.is_level(*pair) for pair in pairs]) >= 0.985


def test_it_follows_visits_not_turns():
    """Turns of a process agree; that says nothing of the next process."""
    rng = np.random.default_rng(2)
    few = [visit((exp(rng.normal(0, 0.05)),)) for _ in range(8)]
    repeated = [visit(*each.samples_s * 100) for each in few]
    assert precision.time(result(*repeated)) == precision.time(result(*few))


@pytest.mark.parametrize(("visits", "bounded"), [(1, False), (5, False), (6, True)])
def test_few_visits_say_nothing(visits, bounded):
    interval = precision.time(result(*[visit((1e-3,))] * visits))
    assert isinf(interval.high) != bounded
    assert interval.estimate == pytest.approx(log(1e-3))
    assert precision.ends(interval)[1] == (pytest.approx(1e-3) if bounded else inf)


def test_a_ratio_is_that_of_turns_beside_each_other():
    """Both twice as slow in every other block: the ratio is what it is in each."""
    blocks = [(1.0,), (2.0,)] * 3
    slow, fast = (result(*[visit(*[(s * c,) for (s,) in blocks])] * 8) for c in (3.0, 1.0))
    assert precision.ratio(slow, fast).estimate == pytest.approx(log(3))
    assert not precision.is_level(slow, fast)


def test_calls_of_a_turn_count_by_their_tenth_percentile():
    turn = (1.0,) * 5 + (9.0,) * 6
    assert precision.seconds(visit(turn, turn)) == pytest.approx(1.0)


@pytest.mark.parametrize("calls", range(1, 32))
def test_the_tenth_percentile_is_numpys(calls):
    samples = np.random.default_rng(calls).lognormal(size=calls).tolist()
    assert precision.tenth_percentile(samples) == pytest.approx(np.quantile(samples, 0.1))


def test_precise_is_two_percent_of_the_ratio_to_the_baseline():
    steady = result(*[visit((exp(drift),)) for drift in np.linspace(-0.5, 0.5, 8)])

    def beside(spread):
        drifts = zip(np.linspace(-0.5, 0.5, 8), np.linspace(-spread, spread, 8), strict=True)
        return result(*[visit((exp(a + b),)) for a, b in drifts], kernel="unrolled")

    assert precision.is_precise([steady, beside(0.02)], "scan")
    assert not precision.is_precise([steady, beside(0.06)], "scan")
    assert not precision.is_precise([steady], "native"), "without a baseline times count"
    assert not precision.is_precise([steady], "scan"), "nor is a baseline alone its own measure"


@pytest.mark.parametrize(("reach", "doubts"), [(0.09, 0), (0.11, 1)])
def test_beyond_ten_percent_a_time_is_in_doubt(reach, doubts):
    halves = [visit((1e-3 * exp(sign * log(1 + reach)),)) for sign in (-1, 1)]
    assert len(list(precision.unstable(result(*halves * 4)))) == doubts


def test_too_few_visits_are_no_doubt():
    assert list(precision.unstable(result(visit((1.0,)), visit((2.0,))))) == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"others": 0.3}, "other processes took 30% of the cores"),
        (
            {"gpu": GpuConditions("1 MHz", ("power cap",))},
            "the GPU held its clocks back: power cap",
        ),
    ],
)
def test_every_reason_to_doubt_a_time_is_said(changed, said):
    quiet = visit((1e-3,))
    assert list(precision.unstable(result(*[quiet] * 8))) == []
    disturbed = dataclasses.replace(quiet, conditions=dataclasses.replace(QUIET, **changed))
    (reason,) = precision.unstable(result(*[disturbed] * 8))
    assert said in reason
