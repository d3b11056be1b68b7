"""A slow-down made by adding real work: how the gate's own rates of detection are measured."""

from collections.abc import Callable
from statistics import median

import numpy as np

from bench.regress.turn import mean_seconds

BURSTS = 7
BURST_S = 0.003
UNITS = 100  # in the burst that tells what a unit takes
ROW = np.linspace(0.5, 1.5, 512)
INTO = np.empty_like(ROW)


def slowed(call: Callable[[], object], share: float) -> Callable[[], object]:
    """The call, followed each time by arithmetic that takes this share of the call's own time.

    The work is products of short vectors in this thread, as many as take that share here and now:
    bursts of the call and of the work alternate, so that both see the same machine.
    """
    repeat = max(1, round(BURST_S / mean_seconds(call, 1)))
    ratios = [
        mean_seconds(call, repeat) / (mean_seconds(lambda: _work(UNITS), 1) / UNITS)
        for _ in range(BURSTS)
    ]
    units = round(share * median(ratios))

    def slower() -> object:
        outputs = call()
        _work(units)
        return outputs

    return slower


def _work(units: int) -> None:
    for _ in range(units):
        np.multiply(ROW, ROW, out=INTO)
