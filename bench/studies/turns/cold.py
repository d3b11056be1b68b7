"""Why a case's first calls take longer: causes taken away one at a time, each in new processes."""

import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator

from pydantic import TypeAdapter

from bench.cases.case import Case
from bench.cases.workloads import mission
from bench.contenders import registry
from bench.contenders.subject import Subject
from bench.records.store import ResultError
from bench.studies.turns.record import ColdStart
from bench.timing import clock, free_cores
from bench.timing.probes import multiply_add

KERNELS = ("scan", "native", "unrolled-full")
CASES = tuple(Case(mission(50), "model", "train", "float32", "relu", kernel) for kernel in KERNELS)
ROUNDS = 5
CALLS = 40
BUSY_S, BURST = 0.3, 2**18
# By default glibc returns freed memory to the system, and then gets it anew, page by page.
KEEP_MEMORY = {"MALLOC_TRIM_THRESHOLD_": str(2**40), "MALLOC_MMAP_THRESHOLD_": str(2**40)}
AS_IT_COMES = "as it comes"
# By its name: what the environment gets, and what is done between compiling and the first call.
ENVIRONMENTS = {AS_IT_COMES: {}, "freed memory kept": KEEP_MEMORY}


def starts() -> Iterator[ColdStart]:
    """Every case with every treatment, ROUNDS times, in turns."""
    for _ in range(ROUNDS):
        for case in CASES:
            for treatment in TREATMENTS:
                yield _in_new_process(case, treatment)


def _in_new_process(case: Case, treatment: str) -> ColdStart:
    words = (sys.executable, "-m", __name__, TypeAdapter(Case).dump_json(case).decode(), treatment)
    environment = os.environ | ENVIRONMENTS.get(treatment, {})
    ran = subprocess.run(words, env=environment, capture_output=True)
    if ran.returncode:
        *_, last = ["it said nothing", *ran.stderr.decode(errors="replace").strip().splitlines()]
        raise ResultError(f"{case}, {treatment}: its process ended: {last}")
    return TypeAdapter(ColdStart).validate_json(ran.stdout)


def _called(subject: Subject) -> None:
    subject.call()


def _checked(subject: Subject) -> None:
    """As in any run: the oracle's library has threads of its own."""
    subject.error(subject.call())


def _threads_busy(subject: Subject) -> None:
    """Cores at full clock, and all of XLA's threads awake, on another program."""
    _checked(subject)
    clock.shortest(multiply_add(BURST).call, BUSY_S)


def _steady(subject: Subject) -> None:
    _checked(subject)
    clock.steady(subject.call)


def _as_in_a_run(subject: Subject) -> None:
    _checked(subject)
    free_cores.waiting()()
    clock.steady(subject.call)


# Each begins with one call, which is not counted.
TREATMENTS: dict[str, Callable[[Subject], None]] = {
    AS_IT_COMES: _checked,
    "no oracle before": _called,
    "freed memory kept": _checked,
    "threads busy before": _threads_busy,
    "until steady": _steady,
    "cores free, until steady": _as_in_a_run,
}


def measured(case: Case, treatment: str) -> ColdStart:
    """What this process, which must be new, sees of the case."""
    subject = registry.prepare(case)
    TREATMENTS[treatment](subject)
    calls_s, faults = zip(*(_one(subject) for _ in range(CALLS)), strict=True)
    return ColdStart(case, treatment, calls_s, faults)


def _one(subject: Subject) -> tuple[float, int]:
    """Seconds and page faults of a call."""
    before = _faults()
    return clock.seconds_a_call(subject.call, 1), _faults() - before


def _faults() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


if __name__ == "__main__":
    start = measured(TypeAdapter(Case).validate_json(sys.argv[1]), sys.argv[2])
    print(TypeAdapter(ColdStart).dump_json(start).decode())
