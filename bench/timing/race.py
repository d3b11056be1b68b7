"""Find the fastest of many calls in little time. What it took is no result: that is sampled anew,
for the best of many noisy times is too good.
"""

from collections.abc import Callable, Sequence
from time import perf_counter

from bench.timing.clock import plan, seconds_a_call

ROUNDS = 9
OPENING = 2  # rounds that all take part in; the first also warms up
LIMIT_S = 3.0  # after which no further round begins: calls that long differ by less from each other
CLOSE = 1.2  # how much slower than the best may be and stay in the race
LEVEL = 1.05  # times the best: as fast, as far as so short a race can tell

Call = Callable[[], object]


def first_of_the_fastest(calls: Sequence[Call]) -> int:
    """The index of the first that is level with the fastest.

    Each is known by its least time over rounds in which they take turns.
    """
    best = dict.fromkeys(range(len(calls)), float("inf"))
    racing, begin = list(best), perf_counter()
    for done in range(ROUNDS):
        for i in racing:
            best[i] = min(best[i], _turn(calls[i]))
        if done + 1 >= OPENING:
            leader = min(best.values())
            racing = [i for i in racing if best[i] <= CLOSE * leader]
            if len(racing) == 1 or perf_counter() - begin > LIMIT_S:
                break
    return next(i for i in racing if best[i] <= LEVEL * min(best.values()))


def _turn(call: Call) -> float:
    """Seconds a call, over as many as fill a round, as the first of them tells."""
    first = seconds_a_call(call, 1)
    _, calls = plan(first, turn_s=0.0)
    return min(first, seconds_a_call(call, calls - 1)) if calls > 1 else first
