"""C++ programs that time parts of the native kernel, by what `measuring.h` offers them.

Each takes T, B, I, H, O, threads and rounds, and prints a JSON object.
"""

import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.cases.fields import Seconds, Text
from bench.cases.workloads import Workload
from bench.records.store import ResultError
from kernels.native import compiler

ROUNDS = 5


@dataclass(frozen=True)
class Timed:
    """What was called, and how long each call took."""

    name: Text
    samples_s: tuple[Seconds, ...]

    @property
    def median_s(self) -> float:
        """Seconds a call."""
        return median(self.samples_s)


@contextmanager
def compiled(source: Path, *options: str) -> Iterator[Path]:
    """The program, for as long as it is wanted.

    Raises ResultError where it cannot be compiled.
    """
    with tempfile.TemporaryDirectory() as scratch:
        program = Path(scratch, source.stem)
        try:
            compiler.compile_program(source, program, *options)
        except compiler.BuildError as error:
            raise ResultError(f"{source.name} is not measured: {error}") from error
        yield program


def printed(program: Path, w: Workload, threads: int) -> bytes:
    """What it prints for a workload."""
    sizes: Sequence[int] = (w.T, w.B, w.I, w.H, w.O, threads, ROUNDS)
    return subprocess.run([program, *map(str, sizes)], capture_output=True, check=True).stdout
