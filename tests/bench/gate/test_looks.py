"""What the gate makes of rounds and of turns, on made-up times."""

import re
import signal
from contextlib import nullcontext, suppress
from dataclasses import replace
from io import StringIO
from itertools import chain
from math import exp, inf
from random import Random
from time import monotonic

import numpy as np
import pytest
from helpers.gate_rows import EQUAL, SCAN, SHAPE, TRAIN, UNROLLED, ended
from rich.console import Console

from bench.cli import main
from bench.contenders import registry
from bench.contenders.subject import Subject
from bench.gate import looks, margins, revision, rounds, table
from bench.gate.looks import interim_results
from bench.gate.margins import Margins
from bench.gate.record import Regression
from bench.gate.rounds import Obstacle, Times
from bench.judging import precision
from bench.records import store
from bench.records.run import CaseResult
from bench.records.store import ResultError, adapter
from bench.timing import clock, slowdown
from bench.workers import worker
from bench.workers.messages import Answer, Request, receive


@pytest.mark.parametrize(
    ("outcomes", "fails", "fails_strictly"),
    [
        (("SAME", "FASTER", "UNTIMED"), False, False),
        (("SAME", "AMBIGUOUS"), False, True),
        (("SAME", "SLOWER"), True, True),
        (("FASTER", "WRONG"), True, True),
        (("SAME", "FAILED"), True, True),
        (("UNTIMED", "UNTIMED"), True, True),  # a gate that compared nothing has not passed
    ],
)
def test_what_fails_the_gate(outcomes, fails, fails_strictly):
    rows = [ended(outcome) for outcome in outcomes]
    assert looks.failed(rows, strict=False) == fails
    assert looks.failed(rows, strict=True) == fails_strictly


def test_an_item_with_an_obstacle_is_not_played_again():
    played = []

    def play(items):
        played.append([item.case.kernel for item in items])
        found = {SCAN: EQUAL, UNROLLED: Obstacle("WRONG", "head: deviates")}
        return {item: found[item] for item in items}

    (rows,) = interim_results([SCAN, UNROLLED], Margins(), float("inf"), play, lambda *_: None)
    assert [row.outcome for row in rows] == ["SAME", "WRONG"]
    assert played == [["scan", "unrolled"]] + [["scan"]] * 7


def test_past_the_budget_no_round_begins():
    (rows,) = interim_results([SCAN], Margins(), 0, lambda items: pytest.fail("played"), print)
    assert [row.outcome for row in rows] == ["AMBIGUOUS"]
    *_, printed = table.for_terminal(rows)
    assert printed.row_count == 1


def test_rounds_beyond_a_look_wait_for_the_next():
    """Or the number of looks would not be what the error was shared among."""
    slower = Times(1.0, 2.0)
    at_eight = looks.row(SCAN, 0.05, [EQUAL] * 8)
    assert looks.row(SCAN, 0.05, [EQUAL] * 8 + [slower] * 7).interval == at_eight.interval
    assert looks.row(SCAN, 0.05, [EQUAL] * 8 + [slower] * 8).interval != at_eight.interval


def test_an_interval_of_eight_rounds_is_rid_of_its_outermost_value():
    """The second of the Walsh averages from either end, at an error of 0.05 / 3."""
    history = [Times(1.0, exp(k)) for k in range(1, 9)]
    interval = looks.row(SCAN, 0.05, history).interval
    assert (interval.low, interval.high) == pytest.approx((1.5, 7.5))
    assert looks.row(SCAN, 0.05, history[:7]).interval.low == -inf


def test_margins_are_for_all_cases_or_for_those_with_all_the_words():
    found = margins.parse(["4", "unrolled=10", "unrolled train=20"], [UNROLLED.case, TRAIN.case])
    assert found.of(SCAN.case) == pytest.approx(0.04)
    assert found.of(UNROLLED.case) == pytest.approx(0.1)
    assert found.of(TRAIN.case) == pytest.approx(0.2)
    assert margins.parse([f"{SCAN.case}=7"], [SCAN.case]).of(SCAN.case) == pytest.approx(0.07)
    assert margins.parse(["1000"], []).default == margins.LARGEST


@pytest.mark.parametrize(
    "text", ["", "five", "0", "-5", "nan", "inf", "1000.1", "scan=", "scna=5", "=5%", "٥"]
)
def test_a_bad_margin_is_named(text):
    with pytest.raises(ResultError, match=r"--margin is .*; expected"):
        margins.parse([text], [SCAN.case])


@pytest.mark.parametrize(
    ("texts", "same"),
    [
        (("5", "6"), "all"),
        (("scan=5", "scan=6"), "scan"),
        (("unrolled train=5", "train unrolled=5"), "train unrolled"),
    ],
)
def test_two_margins_for_the_same_are_refused(texts, same):
    sentence = f"--margin is '{texts[1]}'; expected one margin for {same}$"
    with pytest.raises(ResultError, match=sentence):
        margins.parse(texts, [SCAN.case, TRAIN.case])


def printed(rows):
    """The lines of the table on a terminal of 80 columns, cut into cells."""
    console = Console(width=80, record=True, file=StringIO())
    console.print(*table.for_terminal(rows), sep="\n")
    lines = [line.strip() for line in console.export_text().splitlines()]
    return [re.split(r" {2,}", line) for line in lines if re.search(r"\w", line)]


def test_the_table_has_times_and_the_verdict_or_the_reason():
    rows = [looks.row(UNROLLED, 0.05, [Times(1e-3, 2e-3)] * 8), ended("WRONG")]
    margin, shared, head, slower, wrong, reason = printed(rows)
    assert (margin, reason) == (["Margin: 5 %"], ["scan: head: somehow"])
    assert shared == ["All cases: tiny (T 3, B 2, I 3, H 4, O 2), model, forward, float32, relu"]
    assert head == ["kernel", "base", "head", "change", "interval", "rounds", "verdict"]
    change = ["+100.0 %", "+100.0 % to +100.0 %"]
    assert slower == ["unrolled", "1.00 ms", "2.00 ms", *change, "8", "SLOWER"]
    assert wrong == ["scan", "WRONG"]


def test_every_problem_has_a_table_and_every_margin_is_shown_if_they_differ():
    rows = [looks.row(SCAN, 0.05, [EQUAL] * 8), looks.row(TRAIN, 0.2, [EQUAL] * 8)]
    lines = printed(rows)
    assert ["forward"] in lines and ["train"] in lines
    assert [line[-3] for line in lines if line[-1] == "SAME"] == ["5 %", "20 %"]


# Timing, on a clock that only the timed work moves.


@pytest.fixture
def taking(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(clock, "perf_counter", lambda: now[0])

    def calls(seconds):
        def call():
            now[0] += next(seconds)

        return call

    return calls


def turn(call):
    """As the gate's."""
    return clock.sample(call, rounds.TURN_S, rounds.WARM_S)


def forever(value):
    while True:
        yield value


@pytest.mark.parametrize("seconds", [3e-6, 2e-3, 0.4])
def test_a_turn_gives_seconds_a_call(taking, seconds):
    samples = turn(taking(forever(seconds)))
    assert samples and samples == pytest.approx([seconds] * len(samples))


def test_a_turn_has_rounds_of_five_milliseconds_in_twenty_five(taking):
    assert turn(taking(forever(2.0**-10))) == (2.0**-10,) * 4


def test_a_turn_forgets_its_slow_start(taking):
    samples = turn(taking(chain([0.004], forever(1e-3))))
    assert len(samples) > 1 and samples == pytest.approx([1e-3] * len(samples))


def test_most_of_the_samples_may_be_disturbed():
    assert precision.tenth_percentile([1.0] * 20 + [2.0, 5.0] * 40) == 1.0
    assert precision.tenth_percentile([0.5] + [1.0] * 99) == 1.0


def test_half_a_message_is_none(tmp_path):
    """Its sender died while writing it."""
    message = adapter(Request).dump_json(Request("turn", SCAN)).decode()
    for text, received in ((f"{message}\n", Request("turn", SCAN)), (message, None)):
        (tmp_path / "stream").write_text(text)
        with (tmp_path / "stream").open("rb") as stream:
            assert receive(Request, stream) == received


def test_outputs_that_went_wrong_in_the_turns_are_found(monkeypatch):
    right = np.zeros(3)
    given = [right]
    subject = Subject(lambda: given[0], lambda outputs: [(outputs, right, 1.0)])
    result = CaseResult(SCAN.case, "ok", error=0.0, tolerance=0.1)
    monkeypatch.setattr(worker, "checked", lambda case, prepare, contenders: (result, subject))
    answering = worker.Worker(registry)
    assert answering.answer(Request("prepare", SCAN)).status == "ok"
    for outputs, status in ((right, "ok"), (right + 1, "wrong")):
        given[0] = outputs
        assert answering.answer(Request("turn", SCAN)).status == "ok"
        assert answering.answer(Request("check", SCAN)).status == status


@pytest.mark.parametrize("extra", [0.0, 0.1])
def test_a_turn_waits_for_cores_where_asked_and_only_extra_work_slows_it(extra, monkeypatch):
    subject = Subject(lambda: None, lambda outputs: [])
    result = CaseResult(SCAN.case, "ok", error=0.0, tolerance=0.1)
    waited, slower = [], []
    monkeypatch.setattr(worker, "checked", lambda case, prepare, contenders: (result, subject))
    monkeypatch.setattr(worker.free_cores, "waiting", lambda: lambda: waited.append(None))
    monkeypatch.setattr(worker, "slowed", lambda call, share: slower.append(share) or call)
    answering, item = worker.Worker(registry), replace(SCAN, extra=extra)
    answering.answer(Request("prepare", item))
    for free_cores in (True, False, True):
        assert answering.answer(Request("turn", item, free_cores=free_cores)).status == "ok"
    assert len(waited) == 2 and slower == ([extra] if extra else [])


def test_what_a_program_raises_is_an_answer(monkeypatch):
    def checked(case, prepare, contenders):
        raise ValueError("no luck")

    monkeypatch.setattr(worker, "checked", checked)
    answering = worker.Worker(registry)
    assert answering.answer(Request("prepare", SCAN)) == Answer("failed", "ValueError: no luck")


@pytest.fixture
def gate(tmp_path, monkeypatch):
    """The exit status of `bench regress` on the tiny shape, with invented rounds."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(revision, "commit", lambda *_: "0123456789abcdef")
    monkeypatch.setattr(revision, "unpacked", lambda *_: nullcontext(tmp_path))
    arguments = ("regress", *SHAPE, "--kernels", "scan", "--pass", "forward", "--backend", "cpu")

    def run(play, *words):
        monkeypatch.setattr(rounds, "play", play)
        return main([*arguments, *words])

    return run


@pytest.mark.parametrize(("words", "status"), [((), 0), (("--strict",), 1)])
def test_strict_fails_what_stays_ambiguous(words, status, gate, tmp_path, capsys):
    toss, filed, blank = Random(0), [], []

    def play(setup, random, items):
        (path,) = tmp_path.glob("results/local/*/regress-*.json")
        record = store.load(path, Regression)
        filed.append(len(record.rows))
        if not record.rows:
            blank.append((record.seconds, record.complete))
        return {item: Times(1.0, toss.choice([0.8, 1.25])) for item in items}

    begin = monotonic()
    assert gate(play, *words) == status
    (path,) = tmp_path.glob("results/local/*/regress-*.json")
    record = store.load(path, Regression)
    assert record.complete and 0 < record.seconds < monotonic() - begin
    assert {len(row.rounds) for row in record.rows} == {looks.LOOKS[-1]}
    assert filed == [0] * 8 + [2] * 16  # from the first look on
    assert set(blank) == {(0.0, False)}
    out = capsys.readouterr().out
    assert "The working tree against HEAD (0123456789ab)" in out
    assert out.count(" s: 2 AMBIGUOUS") == len(looks.LOOKS)
    assert f"Times: {path.relative_to(tmp_path)}" in out and "round 24 of 24" in out


@pytest.mark.parametrize("lost", [False, True])
def test_an_interrupted_gate_keeps_its_last_look(gate, tmp_path, capsys, lost):
    """Also where the exception was lost, as in a callback from C++."""
    toss, played = Random(0), []

    def play(setup, random, items):
        played.append(items)
        if len(played) == 10:
            with suppress(KeyboardInterrupt) if lost else nullcontext():
                signal.raise_signal(signal.SIGINT)
        return {item: Times(1.0, toss.choice([0.8, 1.25])) for item in items}

    assert gate(play) == 128 + signal.SIGINT
    (path,) = tmp_path.glob("results/local/*/regress-*.json")
    record = store.load(path, Regression)
    assert not record.complete and {len(row.rounds) for row in record.rows} == {8}
    assert len(played) == 10 and "Cut short" in capsys.readouterr().out


@pytest.mark.parametrize("share", [0.02, 0.1, 0.2])
def test_planted_work_takes_its_share_of_the_call(taking, monkeypatch, share):
    unit = taking(forever(1e-6))
    monkeypatch.setattr(slowdown, "_work", lambda units: [unit() for _ in range(units)])
    slower = slowdown.slowed(taking(forever(1e-2)), share)  # one call is longer than a burst
    assert clock.seconds_a_call(slower, 3) == pytest.approx(1e-2 * (1 + share), rel=1e-3)


@pytest.mark.parametrize(("call_s", "calls"), [(1e-3, 3), (1e-2, 1)])
def test_a_burst_of_calls_takes_about_three_milliseconds(taking, monkeypatch, call_s, calls):
    """And one call first, which says how many that are."""
    worked, called, call = [], [], taking(forever(call_s))
    unit = taking(forever(1e-6))
    monkeypatch.setattr(slowdown, "_work", lambda units: (worked.append(units), unit()))
    slowdown.slowed(lambda: (called.append(None), call()), 0.1)
    assert len(called) == 1 + slowdown.BURSTS * calls
    assert worked == [slowdown.UNITS] * slowdown.BURSTS


def test_planted_work_is_real():
    slowdown.INTO[:] = 0
    slowdown._work(1)
    assert (slowdown.INTO == slowdown.ROW**2).all()
