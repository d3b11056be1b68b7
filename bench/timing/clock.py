"""How a turn is spent: warming up, then rounds of as many calls as a clock needs.

Rounds last at least 5 ms, so that a clock tick and a context switch are small beside them. Before
them the case's own call runs for 5 ms, so that caches are warm, and before a process's first turn
of it until it is steady: memory that was never touched, threads of other libraries and the cores'
frequency take longer. `bench.timing.free_cores` waits until a CPU's cores are free.
"""

import gc
from collections.abc import Callable
from math import ceil
from time import perf_counter

TURN_S = 0.025
WARM_S = 0.005
STEADY_S = 0.03  # at least
STEADY_LIMIT_S = 0.5  # at most, and two calls
TREND = 0.02  # a round that is this much shorter than all before shows that it was not yet steady
ROUND_S = 0.005
CLOCK_TICK_S = 1e-9


def shortest(call: Callable[[], object], seconds: float) -> float:
    """Call until so many seconds have passed, once at least; the seconds of the shortest call."""
    least, begin = float("inf"), perf_counter()
    end = begin
    while least == float("inf") or end - begin < seconds:
        start = end
        call()
        end = perf_counter()
        least = min(least, end - start)
    return least


def steady(call: Callable[[], object]) -> int:
    """Call until two rounds running are no shorter than those before; how many calls it took.

    It ends after STEADY_LIMIT_S all the same, and not before STEADY_S.
    """
    begin = perf_counter()
    least, unchanged, count = seconds_a_call(call, 1), 0, 1
    while True:
        _, calls = plan(least, 0.0)
        took = seconds_a_call(call, calls)
        count += calls
        unchanged = 0 if took < (1 - TREND) * least else unchanged + 1
        least = min(least, took)
        spent = perf_counter() - begin
        if spent >= STEADY_LIMIT_S or (spent >= STEADY_S and unchanged >= 2):
            return count


def plan(call_s: float, turn_s: float) -> tuple[int, int]:
    """(rounds, calls in each) that fill a turn of so many seconds; one round at least."""
    call_s = max(call_s, CLOCK_TICK_S)
    calls = max(1, ceil(ROUND_S / call_s))
    return max(1, int(turn_s / (calls * call_s))), calls


def sample(call: Callable[[], object], turn_s: float, warm_s: float = WARM_S) -> tuple[float, ...]:
    """A turn where there is no pytest-benchmark: seconds a call, of each of its rounds.

    No garbage is collected meanwhile.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        rounds, calls = plan(shortest(call, warm_s), turn_s)
        return tuple(seconds_a_call(call, calls) for _ in range(rounds))
    finally:
        if collecting:
            gc.enable()


def seconds_a_call(call: Callable[[], object], calls: int) -> float:
    """The mean of so many calls in a row."""
    start = perf_counter()
    for _ in range(calls):
        call()
    return (perf_counter() - start) / calls
