"""One round: two fresh processes, short turns in random order, a log ratio for every item."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from math import log
from pathlib import Path
from random import Random
from typing import Literal

from bench.regress.protocol import Answer, Item, Job, Request
from bench.regress.side import Died, Side, running
from bench.regress.turn import undisturbed

PAIRS = 10  # of turns, base and head next to each other, in a round of one item


@dataclass(frozen=True)
class Setup:
    """Where the kernels of either side are, where it keeps what it compiled, on what it runs."""

    base: Path
    head: Path
    caches: Path
    platform: str


@dataclass(frozen=True)
class Times:
    """What one round says of an item: seconds a call of either side, undisturbed."""

    base_s: float
    head_s: float

    @property
    def log_ratio(self) -> float:
        """Head over base: both had turns in the same minute."""
        return log(self.head_s / self.base_s)


@dataclass(frozen=True)
class Obstacle:
    """Why an item has no times. WRONG and FAILED fail the gate; UNTIMED does not."""

    outcome: Literal["WRONG", "FAILED", "UNTIMED"]
    reason: str


Found = dict[Item, Times | Obstacle]


def play(setup: Setup, random: Random, items: Sequence[Item]) -> Found:
    """Play one round of all items. What a process dies of is that item's; the rest plays again."""
    found: Found = {}
    while left := [item for item in items if item not in found]:
        round_ = _Round(setup, left, random)
        try:
            return found | round_.play()
        except Died as error:
            if round_.current is None:
                raise
            found[round_.current] = Obstacle("FAILED", str(error))
    return found


class _Round:
    """`current` is the item that the workers are at, for whoever asks what they died of."""

    def __init__(self, setup: Setup, items: Sequence[Item], random: Random):
        self._setup, self._items, self._random = setup, items, random
        self.current: Item | None = None

    def play(self) -> Found:
        """Times of every item, from a fresh process of either side."""
        bare = tuple(replace(item, extra=0.0) for item in self._items)
        with ExitStack() as stack:
            self._sides = (
                stack.enter_context(self._running("base", self._setup.base, bare)),
                stack.enter_context(self._running("head", self._setup.head, self._items)),
            )
            for side in self._sides:
                side.answer()  # it has started
            found = self._prepare()
            ready = [index for index, item in enumerate(self._items) if item not in found]
            self._random.shuffle(ready)
            for index in ready:
                self.current = self._items[index]
                found[self.current] = self._times(index)
            return found

    def _running(
        self, name: str, root: Path, items: Sequence[Item]
    ) -> AbstractContextManager[Side]:
        job = Job(str(root), self._setup.platform, tuple(items))
        return running(name, job, self._setup.caches / name)

    def _prepare(self) -> Found:
        found: Found = {}
        for index, item in enumerate(self._items):
            self.current = item
            if obstacle := _obstacle(*self._both("prepare", index)):
                found[item] = obstacle
        return found

    def _times(self, index: int) -> Times | Obstacle:
        """Turns in pairs, the order of the first tossed and every other the opposite."""
        order = list(self._sides)
        self._random.shuffle(order)
        seconds: dict[Side, list[float]] = {side: [] for side in order}
        for _ in range(PAIRS):
            for side in order:
                side.ask(Request("turn", index))
                answer = side.answer()
                if answer.status != "ok":
                    return Obstacle("FAILED", f"{side.name}: {answer.reason}")
                seconds[side] += answer.seconds
            order.reverse()
        base, head = self._sides
        obstacle = _obstacle(*self._both("check", index))
        return obstacle or Times(undisturbed(seconds[base]), undisturbed(seconds[head]))

    def _both(self, what: Literal["prepare", "check"], index: int) -> tuple[Answer, Answer]:
        """Base's answer and head's: at once, but on a GPU, where compiling times candidates."""
        base, head = self._sides
        base.ask(Request(what, index))
        if self._setup.platform == "cpu":
            head.ask(Request(what, index))
            return base.answer(), head.answer()
        first = base.answer()
        head.ask(Request(what, index))
        return first, head.answer()


def _obstacle(base: Answer, head: Answer) -> Obstacle | None:
    """What keeps an item from being timed. A wrong base may be what the head has put right."""
    if head.status == "wrong":
        return Obstacle("WRONG", f"head: {head.reason}")
    for side, answer in (("head", head), ("base", base)):
        if answer.status != "ok":
            outcome = "FAILED" if answer.status == "failed" else "UNTIMED"
            return Obstacle(outcome, f"{side}: {answer.reason}")
    return None
