"""Waiting, before a turn on a CPU, until its cores are whole.

A host that is shared may run two virtual cores on one of its own for tenths of a second, and after
a pause the operating system may wake two threads on one core. Either halves the speed of a kernel
that uses both and hardly touches one that uses one: noise that favours some kernels. So
multiply-adds in registers, on all of XLA's threads, must first run as fast as they have been seen
to. They know nothing of what is timed next, and every contender waits by the same rule.
"""

from collections.abc import Callable
from math import inf
from time import perf_counter

from bench.timing.probes import multiply_add
from kernels.contract import current_platform

ELEMENTS = 2**18  # a burst takes a millisecond or less
FIRST = 30  # bursts, to know how fast the cores are
WHOLE = 1.25  # times the shortest burst; cores that are shared take 2
PATIENCE_S = 0.5  # then the turn begins all the same, and what was reached is the new measure


class Cores:
    """Waits for bursts of work, of which `burst` does one and gives its seconds."""

    def __init__(self, burst: Callable[[], float]):
        self._burst = burst
        self._shortest = inf

    def wait(self) -> float:
        """Return once a burst is about as short as the shortest so far: the seconds it took."""
        if self._shortest == inf:
            self._shortest = min(self._burst() for _ in range(FIRST))
        bursts: list[float] = []
        while sum(bursts) < PATIENCE_S:
            bursts.append(self._burst())
            self._shortest = min(self._shortest, bursts[-1])
            if bursts[-1] <= WHOLE * self._shortest:
                return sum(bursts)
        self._shortest = min(bursts)
        return sum(bursts)


def waiting() -> Callable[[], float]:
    """What to call before each turn; on a GPU it waits for nothing."""
    if current_platform() != "cpu":
        return lambda: 0.0
    call = multiply_add(ELEMENTS).call

    def burst() -> float:
        start = perf_counter()
        call()
        return perf_counter() - start

    return Cores(burst).wait
