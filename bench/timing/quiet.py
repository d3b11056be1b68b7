"""Waiting, before a problem is measured, until nothing else keeps the machine busy."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

from bench.judging.precision import OTHERS
from bench.timing import conditions

LOCK = Path("/tmp/recurrent-kernels-measuring")  # of every user, whatever their TMPDIR
LOOK_S = 1.0
PATIENCE_S = 60.0  # then it is measured all the same, and the result says what else went on


@contextmanager
def alone() -> Iterator[None]:
    """One measurement at a time on this machine, whatever nodes of a cluster it is."""
    if not LOCK.exists():  # to create it again could be forbidden: it may be another user's
        LOCK.touch()
    handle = os.open(LOCK, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def wait(patience_s: float = PATIENCE_S, look_s: float = LOOK_S) -> bool:
    """Return once others take little of the cores; False if that did not come in time."""
    end = monotonic() + patience_s
    while monotonic() < end:
        start = conditions.now()
        sleep(look_s)
        others = conditions.others(start, conditions.now(), len(os.sched_getaffinity(0)))
        if others <= OTHERS and not conditions.processes_on_gpu():
            return True
    return False
