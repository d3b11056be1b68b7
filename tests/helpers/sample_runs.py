"""An invented run, for tests of what is done with one."""

from dataclasses import replace

from bench import commands
from bench.cases.case import Case
from bench.cases.workloads import Workload, mission
from bench.records.facts import Source
from bench.records.machine import Cpu, Machine
from bench.records.run import SCHEMA, CaseResult, Run
from bench.report import build

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


def timed(workload: Workload, kernel: str, millis: float, scope: str = "model") -> CaseResult:
    """A case whose samples are around this many milliseconds."""
    block = tuple(millis / 1e3 * factor for factor in (0.9, 1.0, 1.1))
    return CaseResult(
        Case(workload, scope, "forward", "float32", "relu", kernel),
        status="ok",
        error=1e-7,
        error_after=1e-7,
        tolerance=1e-5,
        lower_s=0.1,
        compile_s=0.2,
        temporary_bytes=2**20,
        samples_s=(block, block, block),
    )


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
    return build.write(folder, commands.kinds())
