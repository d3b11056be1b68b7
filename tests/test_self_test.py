"""What the gate says of itself: rates of right and wrong verdicts."""

import json

import pytest
from compared import SCAN, SHAPE, TRAIN, UNROLLED, ended

from bench import results
from bench.regress import rates, selftest
from bench.regress.record import SelfTest
from bench.regress.rounds import Times
from bench.verdicts import Verdict


def test_rates_count_verdicts_by_the_size_that_was_planted():
    rows = [ended("SAME")] * 99 + [ended("SLOWER")] + [ended("SLOWER", 0.1)] * 20
    rows += [ended("UNTIMED")] * 5
    equals, planted_ten = rates.rates(rows)
    assert (equals.extra, equals.total, equals.share(Verdict.SLOWER)) == (0.0, 100, 0.01)
    assert planted_ten.share(Verdict.SLOWER) == 1.0
    low, high = planted_ten.bounds(Verdict.SLOWER)
    assert low == pytest.approx(0.025 ** (1 / 20)) and high == 1.0
    assert [promise.kept for promise in rates.promises([equals, planted_ten])] == [True, True]


@pytest.mark.parametrize(
    ("rows", "kept"),
    [
        ([ended("SLOWER")] * 2 + [ended("SAME")] * 98, [False, False]),
        ([ended("SAME"), ended("SLOWER", 0.1), ended("AMBIGUOUS", 0.1)], [True, False]),
    ],
)
def test_a_promise_is_broken_by_the_rates_and_not_kept_by_their_absence(rows, kept):
    assert [promise.kept for promise in rates.promises(rates.rates(rows))] == kept


def test_every_case_is_tried_as_it_is_and_in_time_with_every_size():
    cases = [item.case for item in (SCAN, UNROLLED, TRAIN)]
    trials = [selftest.items(cases, trial) for trial in range(2 * len(selftest.PLANTED))]
    for items in trials:
        assert [item.case for item in items if not item.extra] == cases
        assert len(set(items)) == len(items)
    for case in cases:
        sizes = {item.extra for items in trials for item in items if item.case == case}
        assert sizes == {0.0, 0.02, 0.05, 0.10, 0.20}


def test_a_self_test_keeps_its_rows_and_draws_its_curve(tmp_path, monkeypatch, capsys):
    from bench.cli import main

    def play(_, __, items):
        return {item: Times(1.0, 1.0 + item.extra) for item in items}

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(selftest, "play", play)
    arguments = ("regress", "--self-test", "--trials", "6", *SHAPE, "--backend", "cpu")
    assert main([*arguments, "--kernels", "scan"]) == 0
    out = capsys.readouterr().out
    assert "at most 1% of equals called SLOWER: 0 of 24, kept" in out
    assert "at least 95% of +10% called SLOWER: 6 of 6, kept" in out
    (path,) = tmp_path.glob("results/local/*/gate/*.json")
    record = results.load(path, SelfTest)
    assert record.complete and len(record.trials) == 6
    folder = path.parent.parent
    assert (folder / "gate.svg").read_text().startswith("<?xml")
    pages = [folder / f"report.{kind}" for kind in ("md", "html")]
    assert all("at least 95% of +10% called SLOWER: 6 of 6" in page.read_text() for page in pages)
    before = [page.read_bytes() for page in pages]
    assert main(["report"]) == 0  # finds the machine's folder by the gate's
    assert [page.read_bytes() for page in pages] == before
    assert json.loads(path.read_text())["suite"] == "shape-T3-B2-I3-H4-O2"


@pytest.mark.parametrize("trials", ["0", "-1", "many", "1.5"])
def test_a_bad_number_of_trials_is_one_sentence(trials, capsys):
    from bench.cli import main

    with pytest.raises(SystemExit):
        main(["regress", "--self-test", "--trials", trials])
    assert "expected a number from 1 to 9999" in capsys.readouterr().err
