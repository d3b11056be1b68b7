"""What the gate says of itself: rates of right and wrong verdicts."""

import json
import signal
from contextlib import nullcontext, suppress
from dataclasses import fields, replace
from time import monotonic

import pytest
from helpers.gate_rows import SCAN, SHAPE, TRAIN, UNROLLED, ended
from helpers.sample_runs import TYPICAL, report_of
from matplotlib.axes import Axes
from rich.status import Status

from bench.gate import error_rates, revision, self_test
from bench.gate.record import SelfTest
from bench.gate.rounds import Times
from bench.judging.verdicts import Verdict
from bench.records import store
from bench.records.run import Origin
from bench.workers.client import HARNESS
from bench.workers.revision import PACKAGES


def test_rates_count_verdicts_by_the_size_that_was_planted():
    rows = [ended("SAME")] * 99 + [ended("SLOWER")] + [ended("SLOWER", 0.1)] * 20
    rows += [ended("UNTIMED")] * 5
    equals, planted_ten = error_rates.rates(rows)
    assert (equals.extra, equals.total, equals.share(Verdict.SLOWER)) == (0.0, 100, 0.01)
    assert planted_ten.share(Verdict.SLOWER) == 1.0
    low, high = planted_ten.bounds(Verdict.SLOWER)
    assert low == pytest.approx(0.025 ** (1 / 20)) and high == 1.0
    assert [promise.kept for promise in error_rates.promises([equals, planted_ten])] == [True, True]


@pytest.mark.parametrize(
    ("rows", "kept"),
    [
        ([ended("SLOWER")] * 2 + [ended("SAME")] * 98, [False, False]),
        ([ended("SAME"), ended("SLOWER", 0.1), ended("AMBIGUOUS", 0.1)], [True, False]),
    ],
)
def test_a_promise_is_broken_by_the_rates_and_not_kept_by_their_absence(rows, kept):
    assert [promise.kept for promise in error_rates.promises(error_rates.rates(rows))] == kept


def test_the_figure_has_shares_in_percent_and_their_intervals(monkeypatch):
    drawn, draw, drawn_on = {}, Axes.errorbar, set()

    def errorbar(axes, *numbers, label, **options):
        drawn_on.add(axes)
        drawn[label] = numbers
        return draw(axes, *numbers, label=label, **options)

    monkeypatch.setattr(Axes, "errorbar", errorbar)
    error_rates.figure(error_rates.rates([ended("SAME")] * 20 + [ended("SLOWER", 0.1)] * 20))
    sizes, shares, (below, above) = drawn[Verdict.SLOWER]
    (axes,) = drawn_on
    assert axes.get_xlabel() == "extra work planted, %"
    assert axes.get_ylabel() == "comparisons given the verdict, %"
    (legend,) = axes.figure.legends
    assert [text.get_text() for text in legend.get_texts()] == list(Verdict)
    end = 100 * (1 - 0.025 ** (1 / 20))  # Clopper and Pearson's, of none or all of 20
    assert (sizes, shares) == ([0.0, 10.0], [0.0, 100.0])
    assert below == pytest.approx([0.0, end]) and above == pytest.approx([end, 0.0])


def test_the_table_counts_every_outcome_of_every_size():
    """What failed has no estimate."""
    rows = [ended("SAME"), ended("SAME"), ended("SLOWER"), ended("FAILED", 0.1)]
    equals, planted = error_rates.table(error_rates.rates(rows)).cells.to_dict("records")
    outcomes = ("comparisons", "SAME", "SLOWER", "FAILED")
    assert [equals[name] for name in outcomes] == ["3", "2", "1", "0"]
    assert [planted[name] for name in outcomes] == ["1", "0", "0", "1"]
    assert (equals["measured"], planted["measured"]) == ("+0.0 %", "?")


def test_every_case_is_tried_as_it_is_and_in_time_with_every_size():
    cases = [item.case for item in (SCAN, UNROLLED, TRAIN)]
    trials = [self_test.items(cases, trial) for trial in range(2 * len(self_test.PLANTED))]
    for items in trials:
        assert [item.case for item in items if not item.extra] == cases
        assert len(set(items)) == len(items)
    for case in cases:
        sizes = {item.extra for items in trials for item in items if item.case == case}
        assert sizes == {0.0, 0.02, 0.05, 0.10, 0.20}
    of_one = self_test.items(cases[:1], 0)  # tries the promised size at once
    assert of_one == [SCAN, replace(SCAN, extra=error_rates.PROMISED)]


def test_a_self_test_keeps_its_rows_and_draws_its_curve(tmp_path, monkeypatch, capsys):
    from bench.cli import main

    def play(_, __, items):
        return {item: Times(1.0, 1.0 + item.extra) for item in items}

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("bench.gate.rounds.play", play)
    shown, update = [], Status.update
    monkeypatch.setattr(
        Status, "update", lambda self, text: (shown.append(text), update(self, text))
    )
    begin = monotonic()
    arguments = ("regress", "--self-test", "--trials", "6", *SHAPE, "--backend", "cpu")
    assert main([*arguments, "--kernels", "scan"]) == 0
    out = capsys.readouterr().out
    assert all(f"\ntrial {number} of 6, " in out for number in range(2, 7))
    assert out.startswith("trial 1 of 6, ") and out.count(" s: 5 SAME, 1 SLOWER\n") == 3
    assert "called SLOWER" in out.split("at most 1%")[0]  # the table's
    assert "at most 1% of equals called SLOWER: 0 of 24 (0.00 % to 14.2 %), kept" in out
    assert "at least 95% of +10% called SLOWER: 6 of 6 (54.1 % to 100 %), kept" in out
    (path,) = tmp_path.glob("results/local/*/gate/*.json")
    assert f"Rows: {path.relative_to(tmp_path)}" in out
    record = store.load(path, SelfTest)
    assert record.complete and len(record.trials) == 6
    assert shown[0] == "trial 1, round 1 of 8" and shown[-1].startswith("trial 6, ")
    assert 0 < record.seconds < monotonic() - begin
    folder = path.parent.parent
    assert (folder / f"{record.suite}.svg").read_text().startswith("<?xml")
    pages = [folder / f"report.{kind}" for kind in ("md", "html")]
    assert all("at least 95% of +10% called SLOWER: 6 of 6" in page.read_text() for page in pages)
    assert all("8, 16 or 24 rounds" in page.read_text() for page in pages)
    before = [page.read_bytes() for page in pages]
    assert main(["report"]) == 0  # finds the machine's folder by the gate's
    assert [page.read_bytes() for page in pages] == before
    assert json.loads(path.read_text())["suite"] == "self-test-shape-T3-B2-I3-H4-O2"


@pytest.mark.parametrize("lost", [False, True])
@pytest.mark.parametrize(
    ("finished", "said"),
    [
        (0, "Cut short before the first trial was finished."),
        (1, "Cut short: the rates are those of the trials that were finished."),
    ],
)
def test_an_interrupted_self_test_keeps_what_was_finished(
    finished, said, lost, tmp_path, monkeypatch, capsys
):
    """Also where the exception was lost, as in a callback from C++."""
    from bench.cli import main

    rounds, filed = [], []

    def play(_, __, items):
        (path,) = tmp_path.glob("results/local/*/gate/*.json")
        filed.append(store.load(path, SelfTest))
        rounds.append(items)
        if len(rounds) == 8 * finished + 1:
            with suppress(KeyboardInterrupt) if lost else nullcontext():
                signal.raise_signal(signal.SIGINT)
        return {item: Times(1.0, 1.0) for item in items}

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("bench.gate.rounds.play", play)
    arguments = ("regress", "--self-test", "--trials", "3", *SHAPE, "--backend", "cpu")
    assert main([*arguments, "--kernels", "scan"]) == 128 + signal.SIGINT
    assert said in capsys.readouterr().out
    assert (filed[0].seconds, filed[0].complete, filed[0].trials) == (0.0, False, ())
    (path,) = tmp_path.glob("results/local/*/gate/*.json")
    record = store.load(path, SelfTest)
    assert len(record.trials) == finished and not record.complete
    assert record == filed[-1]


def filed(tmp_path, *trials, complete=True, started="2026-01-02T03:04:05+00:00", narrowed=()):
    """The folder of a machine where these trials were filed."""
    origin = {field.name: getattr(TYPICAL, field.name) for field in fields(Origin)}
    origin |= {"suite": "self-test-gate", "started": started, "narrowed": narrowed}
    found = SelfTest(**origin, seconds=1.0, complete=complete, trials=trials)
    return store.create(found, publish=True, folder=str(tmp_path / "gate")).parent.parent


def test_a_self_test_that_was_cut_short_promises_nothing(tmp_path):
    folder = filed(tmp_path, (ended("SAME"), ended("SLOWER", 0.1)), complete=False)
    report = report_of(folder)[0].read_text()
    assert "**Incomplete" in report and "kept" not in report


@pytest.mark.parametrize("lesser", [{"complete": False}, {"narrowed": ("--kernels scan",)}])
def test_a_self_test_that_is_not_whole_does_not_hide_an_older_one(tmp_path, lesser):
    filed(tmp_path, (ended("SAME"), ended("SLOWER", 0.1)))
    later = {"started": "2026-02-03T04:05:06+00:00", **lesser}
    folder = filed(tmp_path, (ended("SAME"), ended("SAME", 0.1)), **later)
    assert "1 of 1" in report_of(folder)[0].read_text()


def test_a_self_test_without_a_trial_does_not_hide_an_older_one(tmp_path):
    filed(tmp_path, (ended("SAME"), ended("SLOWER", 0.1)))
    folder = filed(tmp_path, complete=False, started="2026-02-03T04:05:06+00:00")
    assert "1 of 1" in report_of(folder)[0].read_text()


def test_a_self_test_in_which_nothing_was_timed_has_a_report(tmp_path):
    folder = filed(tmp_path, (ended("UNTIMED"),))
    assert "not tried" in report_of(folder)[0].read_text()


def test_a_self_test_and_a_run_of_one_suite_are_both_in_the_report(tmp_path):
    folder = filed(tmp_path, (ended("SAME"),))
    store.save(replace(TYPICAL, suite="gate"), folder / "20260101T000000-gate.json")
    machine = report_of(folder)[0].read_text().split("## Machine")[1]
    assert "| gate" in machine and "| self-test-gate" in machine


@pytest.mark.parametrize("trials", ["0", "-1", "many", "1.5"])
def test_a_bad_number_of_trials_is_one_sentence(trials, capsys):
    from bench.cli import main

    with pytest.raises(SystemExit):
        main(["regress", "--self-test", "--trials", trials])
    assert "expected a number from 1 to 9999" in capsys.readouterr().err


def test_a_self_tests_base_is_the_working_tree():
    with revision.copied(HARNESS) as base:
        assert sorted(path.name for path in base.iterdir()) == sorted(PACKAGES)
        for package in PACKAGES:
            names = {path.relative_to(HARNESS) for path in (HARNESS / package).rglob("*.py")}
            assert {path.relative_to(base) for path in (base / package).rglob("*.py")} == names
