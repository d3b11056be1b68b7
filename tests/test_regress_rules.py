"""What the gate makes of rounds and of turns, on made-up times."""

from itertools import chain
from pathlib import Path
from random import Random

import pytest
from compared import EQUAL, SCAN, TRAIN, UNROLLED, ended

import bench.rounds
from bench.regress import judge, margins, planted, rounds, table, turn
from bench.regress.margins import Margins
from bench.regress.protocol import Answer
from bench.regress.rounds import Obstacle, Setup, Times
from bench.results import ResultError


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
    assert judge.failed(rows, strict=False) == fails
    assert judge.failed(rows, strict=True) == fails_strictly


def test_an_item_with_an_obstacle_is_not_played_again():
    played = []

    def play(items):
        played.append([item.case.kernel for item in items])
        found = {SCAN: EQUAL, UNROLLED: Obstacle("WRONG", "head: deviates")}
        return {item: found[item] for item in items}

    (rows,) = judge.looks([SCAN, UNROLLED], Margins(), float("inf"), play, lambda *_: None)
    assert [row.outcome for row in rows] == ["SAME", "WRONG"]
    assert played == [["scan", "unrolled"]] + [["scan"]] * 7


def test_past_the_budget_no_round_begins():
    (rows,) = judge.looks([SCAN], Margins(), 0, lambda items: pytest.fail("played"), print)
    assert [row.outcome for row in rows] == ["AMBIGUOUS"]
    assert table.for_terminal(rows, "Nothing").row_count == 1


def test_rounds_beyond_a_look_wait_for_the_next():
    """Or the number of looks would not be what the error was shared among."""
    slower = Times(1.0, 2.0)
    at_eight = judge.row(SCAN, 0.05, [EQUAL] * 8)
    assert judge.row(SCAN, 0.05, [EQUAL] * 8 + [slower] * 7).interval == at_eight.interval
    assert judge.row(SCAN, 0.05, [EQUAL] * 8 + [slower] * 8).interval != at_eight.interval


def test_margins_are_for_all_cases_or_for_those_with_all_the_words():
    found = margins.parse(["4", "unrolled=10", "unrolled train=20"], [UNROLLED.case, TRAIN.case])
    assert found.of(SCAN.case) == pytest.approx(0.04)
    assert found.of(UNROLLED.case) == pytest.approx(0.1)
    assert found.of(TRAIN.case) == pytest.approx(0.2)


@pytest.mark.parametrize("text", ["", "five", "0", "-5", "nan", "inf", "scan=", "scna=5", "=5%"])
def test_a_bad_margin_is_named(text):
    with pytest.raises(ResultError, match=r"--margin is .*; expected"):
        margins.parse([text], [SCAN.case])


# Timing, on a clock that only the timed work moves.


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(bench.rounds, "perf_counter", lambda: now[0])

    def taking(seconds):
        def call():
            now[0] += next(seconds)

        return call

    return taking


def forever(value):
    while True:
        yield value


@pytest.mark.parametrize("seconds", [3e-6, 2e-3, 0.4])
def test_a_turn_gives_seconds_a_call(clock, seconds):
    samples = turn.turn(clock(forever(seconds)))
    assert samples and samples == pytest.approx([seconds] * len(samples))


def test_a_turn_forgets_its_slow_start(clock):
    samples = turn.turn(clock(chain([0.004], forever(1e-3))))
    assert len(samples) > 1 and samples == pytest.approx([1e-3] * len(samples))


def test_most_of_the_samples_may_be_disturbed():
    assert turn.undisturbed([1.0] * 20 + [2.0, 5.0] * 40) == 1.0
    assert turn.undisturbed([0.5] + [1.0] * 99) == 1.0


class FakeSide:
    """A worker whose turns take what it is told, one after the other."""

    def __init__(self, name, turns):
        self.name, self._turns, self._asked = name, iter(turns), None

    def ask(self, request):
        self._asked = request.what

    def answer(self):
        return Answer("ok", seconds=next(self._turns) if self._asked == "turn" else ())


def test_a_round_compares_what_all_turns_were_left_alone_for():
    """Each side has a turn in ten in which the machine is quiet."""
    quiet, loud = (1.0,) * 20, (3.0,) * 10
    base = FakeSide("base", [loud] * 9 + [quiet])
    head = FakeSide("head", [tuple(1.5 * each for each in quiet)] + [loud] * 9)
    round_ = rounds._Round(Setup(Path(), Path(), Path(), "cpu"), [SCAN], Random(1))
    round_._sides = base, head
    assert round_._times(0) == Times(1.0, 1.5)


@pytest.mark.parametrize("share", [0.02, 0.1, 0.2])
def test_planted_work_takes_its_share_of_the_call(clock, monkeypatch, share):
    unit = clock(forever(1e-6))
    monkeypatch.setattr(planted, "_work", lambda units: [unit() for _ in range(units)])
    slower = planted.slowed(clock(forever(4e-3)), share)
    assert bench.rounds.seconds_a_call(slower, 3) == pytest.approx(4e-3 * (1 + share), rel=1e-3)


def test_planted_work_is_real():
    planted.INTO[:] = 0
    planted._work(1)
    assert (planted.INTO == planted.ROW**2).all()
