"""Whether a turn knows that it was disturbed, beside a process that now and then takes a core.

Visits alone and beside it alternate, so what differs between them is its doing.
"""

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.cases.case import Case
from bench.cases.workloads import mission
from bench.contenders import registry
from bench.contenders.subject import Subject
from bench.judging.precision import BLOCKS, tenth_percentile
from bench.records.store import ResultError
from bench.studies.turns.record import DisturbedVisit
from bench.timing import clock, free_cores
from bench.workers.messages import die_with_parent

KERNELS = ("scan", "native", "unrolled-full")
GROUPS = tuple(
    tuple(Case(mission(50), "model", phase, "float32", "relu", kernel) for kernel in KERNELS)
    for phase in ("forward", "train")
)
VISITS = 16
BUSY_S, IDLE_S = (0.05, 0.5), (0.1, 1.0)  # at least and at most: about a third of the time


def visits() -> Iterator[DisturbedVisit]:
    """Of every group, VISITS alone and as many beside the other process."""
    wait = free_cores.waiting()
    for group in GROUPS:
        subjects = [registry.prepare(case) for case in group]
        for subject in subjects:
            clock.steady(subject.call)
        with _another_process() as paused:
            for _ in range(VISITS):
                for beside in (False, True):
                    with paused(not beside):
                        turns = _visit(subjects, wait)
                    yield DisturbedVisit(beside, group, *zip(*turns, strict=True))


def _visit(
    subjects: Sequence[Subject], wait: Callable[[], float]
) -> list[tuple[tuple[float, ...], tuple[float, ...]]]:
    """Of each subject its turns' seconds and how long they waited, in blocks of opposite order."""
    found: list[list[tuple[float, float]]] = [[] for _ in subjects]
    for block in range(BLOCKS):
        order = range(len(subjects))[:: 1 if block % 2 == 0 else -1]
        for i in order:
            wait()
            found[i].append(_turn(subjects[i]))
    return [tuple(zip(*turns, strict=True)) for turns in found]


def _turn(subject: Subject) -> tuple[float, float]:
    """Seconds a call, and the share of the turn for which its threads waited for a core."""
    start, before = time.perf_counter(), waited_s()
    samples = clock.sample(subject.call, clock.TURN_S)
    waited = waited_s() - before
    return tenth_percentile(samples), max(waited, 0.0) / (time.perf_counter() - start)


def waited_s(process: Path = Path("/proc/self")) -> float:
    """For how long a process's threads were ready to run, and had no core; all together.

    Raises ResultError where the system does not count it.
    """
    if not (process / "schedstat").exists():
        raise ResultError(f"this system does not say how long threads wait: no {process}/schedstat")
    waited = 0
    for task in (process / "task").iterdir():
        try:
            waited += int((task / "schedstat").read_text().split()[1])
        except (FileNotFoundError, ProcessLookupError):  # a thread that has ended
            continue
    return waited / 1e9


@contextmanager
def _another_process() -> Iterator[Callable[[bool], object]]:
    """Gives a context manager in which the process is paused, or not."""
    with subprocess.Popen([sys.executable, "-m", __name__]) as other:

        @contextmanager
        def paused(pause: bool) -> Iterator[None]:
            other.send_signal(signal.SIGSTOP if pause else signal.SIGCONT)
            yield
            if other.poll() is not None:
                raise ResultError(f"the process beside ended with status {other.returncode}")

        try:
            yield paused
        finally:
            other.send_signal(signal.SIGCONT)
            other.terminate()


def disturb() -> None:
    """Take a core in stretches of random length, without end."""
    draw = random.Random(0)
    while True:
        until = time.perf_counter() + draw.uniform(*BUSY_S)
        while time.perf_counter() < until:
            pass
        time.sleep(draw.uniform(*IDLE_S))


if __name__ == "__main__":
    die_with_parent()
    disturb()
