"""A turn: what one side does while the other waits."""

import gc
from collections.abc import Callable
from statistics import median
from time import perf_counter

from bench.rounds import WARM_S, plan, shortest

TURN_S = 0.04
FEWEST = 3  # rounds, of calls that are longer than a turn


def turn(call: Callable[[], object]) -> float:
    """Seconds a call: the median of the turn's rounds, after warming up."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        rounds, calls = plan(shortest(call, WARM_S), TURN_S)
        return median(mean_seconds(call, calls) for _ in range(max(rounds, FEWEST)))
    finally:
        if collecting:
            gc.enable()


def mean_seconds(call: Callable[[], object], calls: int) -> float:
    """Of this many calls in a row."""
    start = perf_counter()
    for _ in range(calls):
        call()
    return (perf_counter() - start) / calls
