"""One round of the gate, with workers whose turns take what a test says."""

from dataclasses import replace
from itertools import pairwise
from math import log
from pathlib import Path
from random import Random

import pytest
from helpers.gate_rows import EQUAL, SCAN, TRAIN, UNROLLED

from bench.gate import rounds
from bench.gate.rounds import Obstacle, Setup, Times
from bench.workers.client import Client, WorkerDied
from bench.workers.messages import Answer, Start


class FakeSide(Client):
    """A worker whose turns take these seconds, one after the other."""

    def __init__(self, name, turns, log=None):
        self.name, self._turns, self._asked = name, iter(turns), None
        self._log = [] if log is None else log

    def ask(self, request):
        self._asked = request.what

    def answer(self):
        if self._asked != "turn":
            return Answer("ok")
        self._log.append(self.name)
        return Answer("ok", seconds=next(self._turns))


def times_of(base, head, seed=1):
    round_ = rounds._Round(Setup(Path(), Path(), Path(), "cpu"), [SCAN], Random(seed))
    round_._sides = base, head
    return round_._times(SCAN)


def test_a_round_compares_what_all_turns_were_left_alone_for():
    """Each side has a turn in ten in which the machine is quiet."""
    quiet, loud = (1.0,) * 20, (3.0,) * 10
    base = FakeSide("base", [loud] * 9 + [quiet])
    head = FakeSide("head", [tuple(1.5 * each for each in quiet)] + [loud] * 9)
    assert times_of(base, head) == Times(1.0, 1.5)
    assert Times(2.0, 1.0).log_ratio == pytest.approx(log(0.5))


def test_only_the_head_has_extra_work(monkeypatch):
    items, slowed = {"base": set(), "head": set()}, replace(SCAN, extra=0.1)

    class Side(FakeSide):
        def __init__(self, name, start, environment):
            super().__init__(name, [(1.0,)] * rounds.PAIRS)
            assert start == Start("cpu", name[0])

        def ask(self, request):
            super().ask(request)
            items[self.name].add(request.item)
            assert request.free_cores

        def __enter__(self):
            return self

        def __exit__(self, *error):
            pass

    monkeypatch.setattr(rounds, "Client", Side)
    found = rounds.play(Setup(Path("b"), Path("h"), Path(), "cpu"), Random(1), [slowed])
    assert found == {slowed: EQUAL}
    assert items == {"base": {SCAN}, "head": {slowed}}


@pytest.mark.parametrize(
    ("platform", "order"),
    [
        ("cpu", ["ask b", "ask h", "hear b", "hear h"]),
        ("gpu", ["ask b", "hear b", "ask h", "hear h"]),
    ],
)
def test_both_sides_prepare_at_once_but_on_a_gpu(platform, order):
    log = []

    class Logging(Client):
        def __init__(self, name):
            self.name = name

        def ask(self, request):
            log.append(f"ask {self.name}")

        def answer(self):
            log.append(f"hear {self.name}")
            return Answer("ok", self.name)

    round_ = rounds._Round(Setup(Path(), Path(), Path(), platform), [SCAN], Random(1))
    round_._sides = Logging("b"), Logging("h")
    assert [answer.reason for answer in round_._both("prepare", SCAN)] == ["b", "h"]
    assert log == order


def test_who_begins_is_tossed_and_then_alternates():
    """So that neither side always has the turn after the other's, nor the first."""
    first = set()
    for seed in range(8):
        log = []
        times_of(*(FakeSide(name, [(1.0,)] * rounds.PAIRS, log) for name in "ab"), seed)
        pairs = list(zip(log[::2], log[1::2], strict=True))
        assert all(one == other[::-1] for one, other in pairwise(pairs))
        first.add(log[0])
    assert first == {"a", "b"}


class DyingSide(FakeSide):
    """Like `FakeSide`, but dies of the request named, of whatever has this kernel."""

    dies_of = (None, None)

    def __init__(self, name, start, environment):
        super().__init__(name, [(1.0,)] * 4 * rounds.PAIRS)
        self._dead = self.dies_of[0] == "start" and name == "head"

    def ask(self, request):
        super().ask(request)
        self._dead |= (request.what, request.item.case.kernel) == self.dies_of

    def answer(self):
        if self._dead:
            raise WorkerDied(f"{self.name}: gone")
        return super().answer()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass


@pytest.mark.parametrize("what", ["prepare", "turn", "check"])
def test_a_process_dies_of_one_item_in_a_round_and_the_others_are_played(what, monkeypatch):
    monkeypatch.setattr(rounds, "Client", DyingSide)
    monkeypatch.setattr(DyingSide, "dies_of", (what, "scan"))
    found = rounds.play(Setup(Path(), Path(), Path(), "cpu"), Random(1), [SCAN, UNROLLED, TRAIN])
    assert found == {
        SCAN: Obstacle("FAILED", "base: gone"),
        UNROLLED: EQUAL,
        TRAIN: EQUAL,
    }


def test_a_process_that_cannot_begin_a_round_ends_the_gate(monkeypatch):
    monkeypatch.setattr(rounds, "Client", DyingSide)
    monkeypatch.setattr(DyingSide, "dies_of", ("start", None))
    with pytest.raises(WorkerDied, match="head: gone"):
        rounds.play(Setup(Path(), Path(), Path(), "cpu"), Random(1), [SCAN])


def test_items_of_a_round_take_turns_at_coming_first(monkeypatch):
    """What an item's neighbours leave behind in the caches is then no bias."""
    first = set()

    class Noting(DyingSide):
        def ask(self, request):
            super().ask(request)
            if request.what == "turn" and not order:
                order.append(request.item)

    monkeypatch.setattr(rounds, "Client", Noting)
    for seed in range(8):
        order = []
        rounds.play(Setup(Path(), Path(), Path(), "cpu"), Random(seed), [SCAN, UNROLLED])
        first |= set(order)
    assert first == {SCAN, UNROLLED}
