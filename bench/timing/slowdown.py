"""A slow-down made by adding real work: how the gate's own rates of detection are measured."""

from collections.abc import Callable

import numpy as np

from bench.judging.precision import tenth_percentile
from bench.timing.clock import seconds_a_call

BURSTS = 20
BURST_S = 0.003
UNITS = 1000  # in the burst that tells what a unit takes: the first after a call take longer
ROW = np.linspace(0.5, 1.5, 512)
INTO = np.empty_like(ROW)


def slowed(call: Callable[[], object], share: float) -> Callable[[], object]:
    """The call, followed each time by arithmetic that takes this share of the call's own time.

    The work is products of short vectors in this thread, as many as take that share here and now:
    bursts of the call and of the work alternate, so that both see the same machine.
    """
    repeat = max(1, round(BURST_S / seconds_a_call(call, 1)))
    bursts = [
        (seconds_a_call(call, repeat), seconds_a_call(lambda: _work(UNITS), 1) / UNITS)
        for _ in range(BURSTS)
    ]
    of_call, of_unit = map(tenth_percentile, zip(*bursts, strict=True))
    units = round(share * of_call / of_unit)

    def slower() -> object:
        outputs = call()
        _work(units)
        return outputs

    return slower


def _work(units: int) -> None:
    for _ in range(units):
        np.multiply(ROW, ROW, out=INTO)
