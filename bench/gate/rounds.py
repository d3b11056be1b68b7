"""One round: two fresh processes, short turns in random order, a log ratio for every item."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import log
from pathlib import Path
from random import Random
from typing import Literal

from bench.judging.precision import tenth_percentile
from bench.workers.client import Client, WorkerDied
from bench.workers.messages import Answer, Item, Request, Start

PAIRS = 10  # of turns, base and head next to each other, in a round of one item
TURN_S, WARM_S = 0.025, 0.005

What = Literal["prepare", "turn", "check"]


@dataclass(frozen=True)
class Setup:
    """Where the kernels of either side are, where it keeps what it compiled, on what it runs."""

    base: Path
    head: Path
    caches: Path
    platform: str
    own: Mapping[str, str] = field(default_factory=dict)  # kernels that are not this project's


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
        except WorkerDied as error:
            if round_.current is None:
                raise
            found[round_.current] = Obstacle("FAILED", str(error))
    return found


class _Round:
    """`current` is the item that the workers are at, in case they die of it."""

    def __init__(self, setup: Setup, items: Sequence[Item], random: Random):
        self._setup, self._items, self._random = setup, items, random
        self.current: Item | None = None

    def play(self) -> Found:
        """Times of every item, from a fresh process of either side."""
        with (
            self._side("base", self._setup.base) as base,
            self._side("head", self._setup.head) as head,
        ):
            self._sides = base, head
            for side in self._sides:
                side.answer()  # it has started
            found = self._prepare()
            ready = [item for item in self._items if item not in found]
            self._random.shuffle(ready)
            for item in ready:
                self.current = item
                found[item] = self._times(item)
            return found

    def _side(self, name: str, root: Path) -> Client:
        start = Start(self._setup.platform, str(root), dict(self._setup.own))
        return Client(name, start, _environment(self._setup.platform, self._setup.caches / name))

    def _request(self, side: Client, what: What, item: Item) -> Request:
        """Only the head has extra work."""
        if side is self._sides[0]:
            item = replace(item, extra=0.0)
        return Request(what, item, turn_s=TURN_S, warm_s=WARM_S, free_cores=True)

    def _prepare(self) -> Found:
        found: Found = {}
        for item in self._items:
            self.current = item
            if obstacle := _obstacle(*self._both("prepare", item)):
                found[item] = obstacle
        return found

    def _times(self, item: Item) -> Times | Obstacle:
        """Turns in pairs, the order of the first tossed and every other the opposite."""
        order = list(self._sides)
        self._random.shuffle(order)
        seconds: dict[Client, list[float]] = {side: [] for side in order}
        for _ in range(PAIRS):
            for side in order:
                side.ask(self._request(side, "turn", item))
                answer = side.answer()
                if answer.status != "ok":
                    return Obstacle("FAILED", f"{side.name}: {answer.reason}")
                seconds[side] += answer.seconds
            order.reverse()
        base, head = self._sides
        obstacle = _obstacle(*self._both("check", item))
        return obstacle or Times(tenth_percentile(seconds[base]), tenth_percentile(seconds[head]))

    def _both(self, what: What, item: Item) -> tuple[Answer, Answer]:
        """Base's answer and head's: at once, but on a GPU, where compiling times candidates."""
        base, head = self._sides
        base.ask(self._request(base, what, item))
        if self._setup.platform == "cpu":
            head.ask(self._request(head, what, item))
            return base.answer(), head.answer()
        first = base.answer()
        head.ask(self._request(head, what, item))
        return first, head.answer()


def _environment(platform: str, cache: Path) -> dict[str, str]:
    """Programs that a side compiles are kept in `cache`, which must be its own.

    Compiling for a CPU gives the same program every time, so it is done once; for a GPU it is a
    draw (XLA times candidates), which every round must make again. The oracle has one thread, for
    a library's idle threads spin a while, which the other side's turn would suffer from.
    """
    return {
        "OPENBLAS_NUM_THREADS": "1",
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",  # two processes share a GPU
        "JAX_ENABLE_COMPILATION_CACHE": str(platform == "cpu").lower(),
        "JAX_COMPILATION_CACHE_DIR": str(cache),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }


def _obstacle(base: Answer, head: Answer) -> Obstacle | None:
    """What keeps an item from being timed. A wrong base may be what the head has put right."""
    if head.status == "wrong":
        return Obstacle("WRONG", f"head: {head.reason}")
    for side, answer in (("head", head), ("base", base)):
        if answer.status != "ok":
            outcome = "FAILED" if answer.status == "failed" else "UNTIMED"
            return Obstacle(outcome, f"{side}: {answer.reason}")
    return None
