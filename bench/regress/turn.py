"""A turn: what one side does while the other waits."""

import gc
from collections.abc import Callable
from math import ceil
from statistics import median
from time import perf_counter

WARM_S = 0.02  # after a wait, threads wake up late and share a core until the kernel spreads them
WINDOW_S = 0.04
SAMPLE_S = 0.005  # beside which a clock tick and an interrupt are small
FEWEST = 3  # samples


def turn(call: Callable[[], object]) -> float:
    """Seconds a call: the median of samples that last `SAMPLE_S` at least, after warming up."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        repeat = ceil(SAMPLE_S / _warm(call))
        samples = []
        end = perf_counter() + WINDOW_S
        while len(samples) < FEWEST or perf_counter() < end:
            samples.append(mean_seconds(call, repeat))
        return median(samples)
    finally:
        if collecting:
            gc.enable()


def mean_seconds(call: Callable[[], object], repeat: int) -> float:
    """Of this many calls in a row."""
    start = perf_counter()
    for _ in range(repeat):
        call()
    return (perf_counter() - start) / repeat


def _warm(call: Callable[[], object]) -> float:
    """Seconds of the quickest call."""
    quickest, end = float("inf"), perf_counter() + WARM_S
    while quickest == float("inf") or perf_counter() < end:
        quickest = min(quickest, mean_seconds(call, 1))
    return quickest
