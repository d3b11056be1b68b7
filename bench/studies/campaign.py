"""`python -m bench campaign --out DIR`: all that a GPU host should measure, most important first.

Correctness, then what the hardware's checkers say, then timings. Every step is a process of its
own with a time limit, writes under DIR as it goes and is followed by the next whatever became of
it, so the campaign may be cut off at any point. Nothing here needs nox or a network.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from rich.console import Console

ROOT = Path(__file__).parents[2]
PYTEST = (sys.executable, "-m", "pytest", "-q", "-o", "addopts=", "-p", "no:cacheprovider")
RUN = (sys.executable, "-m", "bench", "run")
HANG = (sys.executable, "-m", "bench.studies.planted_hang", "run")
SHORT = (
    "--pass",
    "forward",
    "--kernels",
    "scan",
    "unrolled",
    "--seconds",
    "0.1",
    "--patience",
    "8",
)
BY_XLA = ("scan", "scan-autodiff", "unrolled", "unrolled-full")
FUSED = "(mosaic or triton or pallas)"  # what no other machine has run
# Both halves of each on small shapes. Not `bench run`: its profiler and the checkers exclude each
# other.
CHECKED = f"bptt_by_hand and bfloat16 and {FUSED}"
CHECKERS = ("memcheck", "racecheck", "synccheck")
GRACE_S = 5  # for a process past its limit, to conclude
BUDGET = 0.8  # of a run's limit
TINY = "T=2,B=4,I=8,H=32,O=8"  # a dry run's
# XLA then records a loop's launches once and replays them, instead of launching every step's.
COMMAND_BUFFERS = {"XLA_FLAGS": "--xla_gpu_enable_command_buffer=+WHILE"}


@dataclass(frozen=True)
class Step:
    """One process: its log is `name`.log."""

    name: str
    command: tuple[str, ...]
    limit_s: int
    environment: dict[str, str] = field(default_factory=dict)


def steps(backend: str) -> Iterator[Step]:
    """What is run, in this order; limits and grace add up to eight minutes."""
    device = {"JAX_PLATFORMS": "cuda,cpu" if backend == "gpu" else "cpu"}  # or fail, not fall back
    tests = ROOT / "tests" / "kernels"
    suites = [str(tests / f"test_{name}.py") for name in ("conformance", "gradients")]
    yield Step("correctness", (*PYTEST, *suites, "-k", FUSED), 100, device)
    if shutil.which("compute-sanitizer"):
        for checker in CHECKERS:
            wrapper = ("compute-sanitizer", "--tool", checker, "--error-exitcode", "9")
            yield Step(checker, (*wrapper, *PYTEST, suites[1], "-k", CHECKED), 20, device)
    mission = ("--shape", "T=500,B=50,I=128,H=256,O=128" if backend == "gpu" else TINY)
    half = ("--dtype", "bfloat16", "float16")
    yield _timed("mission", backend, 90, *mission, *half)
    by_xla = (*mission, "--dtype", "bfloat16", "--kernels", *BY_XLA)
    buffers = COMMAND_BUFFERS if backend == "gpu" else {}
    yield replace(_timed("command-buffers", backend, 35, *by_xla), environment=buffers)
    if backend == "cpu":
        yield Step("hang", (*HANG, "--backend", backend, *mission, *SHORT), 120)
    if backend == "gpu":
        yield _timed("default", backend, 75, "--dtype", "bfloat16")
        yield _timed("float32", backend, 30, *mission, "--dtype", "float32", "tf32")
        scaling = ("--suite", "scaling", "--pass", "forward", "--dtype", "bfloat16")
        yield _timed("scaling", backend, 40, *scaling)


def _timed(name: str, backend: str, limit_s: int, *words: str) -> Step:
    """A run whose last visit ends before its limit; a dry run has one visit."""
    budget = str(BUDGET * limit_s) if backend == "gpu" else "1"
    options = ("--backend", backend, "--seconds", budget, "--patience", "30")
    return Step(name, (*RUN, *options, *words), limit_s)


def main(out: Path, backend: str) -> int:
    """Run every step, in the folder `out`; 1 if any did not end well."""
    out.mkdir(parents=True, exist_ok=True)
    console = Console(markup=False)
    ended = {step.name: _run(step, out, console) for step in steps(backend)}
    console.print(*(f"{name}: {how}" for name, how in ended.items()), sep="\n")
    return int(any(how != "ok" for how in ended.values()))


def _run(step: Step, out: Path, console: Console) -> str:
    """How the step ended, in a word or two."""
    console.print(f"{step.name}: {' '.join(step.command)}")
    paths = filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))
    environment = {**os.environ, **step.environment, "PYTHONPATH": os.pathsep.join(paths)}
    environment["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"  # other libraries need memory too
    start = time.monotonic()
    with (out / f"{step.name}.log").open("w") as log:
        process = subprocess.Popen(
            step.command, cwd=out, env=environment, stdout=log, stderr=subprocess.STDOUT
        )
        how = _wait(process, step.limit_s)
    console.print(f"{step.name}: {how} after {time.monotonic() - start:.0f} s")
    return how


def _wait(process: subprocess.Popen, limit_s: int) -> str:
    """Past its limit a process is interrupted, so that it can still conclude, then killed."""
    try:
        status = process.wait(limit_s)
        return "ok" if status == 0 else f"exit status {status}"
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
    try:
        process.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    return f"cut off at {limit_s} s"
