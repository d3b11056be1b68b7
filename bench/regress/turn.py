"""A turn: what one side does while the other waits. And what is made of its samples."""

import gc
from collections.abc import Callable, Sequence

import numpy as np

from bench.rounds import ROUND_S, plan, seconds_a_call, shortest

TURN_S = 0.025
UNDISTURBED = 0.1


def turn(call: Callable[[], object]) -> tuple[float, ...]:
    """Seconds a call, of each of the turn's rounds, once caches are warm."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        rounds, calls = plan(shortest(call, ROUND_S), TURN_S)
        return tuple(seconds_a_call(call, calls) for _ in range(rounds))
    finally:
        if collecting:
            gc.enable()


def undisturbed(seconds: Sequence[float]) -> float:
    """Their tenth percentile: what a call takes while the machine leaves it alone.

    What disturbs a call only ever adds to it, by a half or more and for longer than a turn on a
    shared host, so that means and medians tell more of the host than of the call. The least of all
    samples would be one lucky one. What this does not see is a slow-down that spares a tenth of
    the calls.
    """
    return float(np.quantile(seconds, UNDISTURBED))
