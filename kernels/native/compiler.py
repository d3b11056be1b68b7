"""The C++ compiler of this machine, the instruction set of its CPU, and how the two are used."""

import shutil
import subprocess
from functools import cache
from pathlib import Path
from platform import machine

import jax.ffi

NAMES = ("c++", "g++", "clang++")
SOURCE = Path(__file__).with_name("source")
# Of the dtypes of the contract.
XLA_NAMES = {"bfloat16": "BF16", "float16": "F16", "float32": "F32", "float64": "F64"}
V3 = {"avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe"}
V4 = V3 | {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}
# The levels of x86-64 (psABI) and what the kernel uses beyond them, best first: the features each
# needs, as /proc/cpuinfo calls them, and the compiler's options.
LEVELS = {
    "x86-64-v4-bf16": (V4 | {"avx512_bf16"}, ["-march=x86-64-v4", "-mavx512bf16"]),
    "x86-64-v4": (V4, ["-march=x86-64-v4"]),
    "x86-64-v3": (V3, ["-march=x86-64-v3"]),
    "x86-64": (set(), ["-march=x86-64"]),
}


class BuildError(Exception):
    """The library cannot be built here; the message says why."""


@cache
def find() -> str:
    """The path of a compiler.

    Raises BuildError if there is none.
    """
    for name in NAMES:
        if path := shutil.which(name):
            return path
    raise BuildError(f"no C++ compiler found (looked for {', '.join(NAMES)})")


@cache
def version(compiler: str) -> str:
    """What the compiler says of itself.

    Raises BuildError if it does not run.
    """
    return _output([compiler, "--version"])


@cache
def target() -> str:
    """The instruction set to compile for: the CPU's level of x86-64, else the machine's name."""
    if machine() != "x86_64":
        return machine()
    features = _cpu_features()
    return next(level for level, (needs, _) in LEVELS.items() if needs <= features)


def _cpu_features() -> set[str]:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    flags = next((line for line in lines if line.startswith("flags")), "")
    return set(flags.partition(":")[2].split())


def options(target: str) -> list[str]:
    """Of the compiler, apart from what it reads and writes."""
    _, architecture = LEVELS.get(target, (set(), []))
    return ["-std=c++17", "-O3", *architecture]


def of_dtype(dtype: str) -> list[str]:
    """Options that choose the storage format of a library."""
    return [f"-DRNN_DTYPE={XLA_NAMES[dtype]}"]


def of_cell(cell: str) -> list[str]:
    """Options that choose the cell of what is compiled."""
    return ["-include", f"cells/{cell}.h", f"-DRNN_CELL=rnn::{cell.capitalize()}"]


def compile_library(target: str, cell: str, dtype: str, output: Path) -> None:
    """Build the handlers of a cell and a dtype for an instruction set.

    They are built against the headers of the running jaxlib.

    Raises BuildError, with the compiler's first error.
    """
    headers = [f"-I{SOURCE}", "-isystem", jax.ffi.include_dir()]
    shared = ["-shared", "-fPIC", "-fvisibility=hidden"]
    source = str(SOURCE / "handlers.cc")
    flags = [*options(target), *of_cell(cell), *of_dtype(dtype), *shared, *headers]
    _output([find(), *flags, source, "-o", str(output)])


def compile_program(source: Path, output: Path, *extra: str) -> None:
    """Build a program that uses the kernel without XLA, from its own folder and the kernel's.

    Raises BuildError, with the compiler's first error.
    """
    folders = [f"-I{source.parent}", f"-I{SOURCE}"]
    program = [str(source), "-o", str(output), "-pthread"]
    _output([find(), *options(target()), *folders, *extra, *program])


def _output(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise BuildError(f"{command[0]} does not run: {error.strerror}") from error
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if "error" in line.lower()]
        reason = lines[0] if lines else f"exit status {done.returncode}"
        raise BuildError(f"{command[0]} failed: {reason}")
    return done.stdout
