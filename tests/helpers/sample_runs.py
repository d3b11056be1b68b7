"""An invented run, for tests of what is done with one."""

from dataclasses import replace
from math import exp

from bench.cases.case import Case
from bench.cases.workloads import Workload, mission
from bench.records.facts import Conditions, Source
from bench.records.machine import Cpu, Machine
from bench.records.run import SCHEMA, CaseResult, Run, Visit

CPU = Cpu(
    name="Some CPU (TM)",
    vendor="AuthenticAMD",
    family="25",
    model="17",
    stepping="1",
    microarchitecture="zen4",
    features=("avx2", "fma"),
    cache_bytes={"L1d": 2**15, "L2": 2**20, "L3": 2**25},
    cores=2,
    threads=2,
)


def machine(**changed: object) -> Machine:
    """A machine with these fields, of itself or of its processor."""
    of_cpu = {name: changed.pop(name) for name in CPU.__dataclass_fields__.keys() & changed}
    fields = {
        "backend": "cpu",
        "cpu": replace(CPU, **of_cpu),
        "memory_bytes": 2**34,
        "gpu": None,
        "os": "Linux",
        "load_average": 0.5,
        "xla_flags": "",
    }
    return Machine(**{**fields, **changed})


HERE = machine()


QUIET = Conditions(others=0.0, load_average=2.0, cpu_mhz=3000.0, gpu=None)


def visit(*turns: tuple[float, ...]) -> Visit:
    """A process's turns on a quiet machine."""
    return Visit(samples_s=turns, warm_calls=3, conditions=QUIET)


def timed(
    workload: Workload, kernel: str, millis: float, scope: str = "model", cell: str = "relu"
) -> CaseResult:
    """A case that takes this many milliseconds.

    Of eight visits half are a percent slower for all kernels, half a percent faster; beside `scan`
    each other kernel is 5 % slower in half of them and faster in the others.
    """
    own = 0.0 if kernel == "scan" else 0.05
    drifts = [shared + noise for shared in (0.01, -0.01) for noise in (own, -own)] * 2
    levels = [millis / 1e3 * exp(drift) for drift in drifts]
    return CaseResult(
        Case(workload, scope, "forward", "float32", cell, kernel),
        status="ok",
        error=1e-7,
        error_after=1e-7,
        tolerance=1e-5,
        lower_s=0.1,
        compile_s=0.2,
        temporary_bytes=2**20,
        visits=tuple(visit((level,) * 3, (level,) * 3) for level in levels),
    )


def with_turns(result: CaseResult, *seconds: float) -> CaseResult:
    """The same case, of which each visit has turns of one call, of so many seconds."""
    return replace(result, visits=(visit(*((each,) for each in seconds)),) * len(result.visits))


def untimed(workload: Workload, kernel: str, status: str, reason: str) -> CaseResult:
    """A case that has no samples."""
    return CaseResult(Case(workload, "model", "forward", "float32", "relu", kernel), status, reason)


def run(*cases: CaseResult, machine: Machine = HERE, **replaced: object) -> Run:
    """A complete run of these cases."""
    fields = {
        "schema": SCHEMA,
        "suite": "default",
        "command": "python -m bench run",
        "started": "2026-01-02T03:04:05+00:00",
        "unavailable": {"mosaic": "written for NVIDIA Hopper GPUs; this is cpu"},
        "seconds": 12.0,
        "complete": True,
        "visits_s": (1.5,) * 8,
        "machine": machine,
        "versions": {"jax": "1.2.3"},
        "source": Source("0123abc", dirty=False),
        "cases": cases,
    }
    return Run(**{**fields, **replaced})


TYPICAL = run(
    timed(mission(50), "scan", 4.0),
    timed(mission(50), "unrolled", 2.0),
    untimed(mission(50), "pallas", "emulated", "interpret mode | <script>"),
    timed(mission(500), "scan", 40.0),
    timed(mission(500), "unrolled", 50.0),
)


def report_of(folder):
    """The paths of a machine's report, written anew with every kind of result."""
    from bench import commands  # not every process that makes up runs draws figures
    from bench.report import build

    return build.write(folder, commands.kinds())
