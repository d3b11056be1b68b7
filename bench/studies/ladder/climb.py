"""Compile the rungs, climb them at a few shapes, keep every sample."""

import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from pydantic import TypeAdapter

from bench.cases.cost import cost
from bench.cases.fields import Quantity, Seconds, Text
from bench.cases.workloads import Workload, mission
from bench.records.run import Origin
from bench.records.store import ResultError
from kernels.native import compiler

HERE = Path(__file__).parent
# Where the batch fills the register tile, where there is no batch, where W_hh fills no cache.
SHAPES = (
    mission(100),
    mission(1),
    Workload("batch-1", T=256, B=1, I=128, H=256, O=128),
    Workload("wide", T=50, B=16, I=1760, H=1760, O=32),
)
ROUNDS = 5


@dataclass(frozen=True)
class Rung:
    """One way to compute the forward pass, single precision, relu."""

    name: Text
    deviation: Quantity  # the largest absolute one from the first rung
    samples_s: tuple[Seconds, ...]

    @property
    def median_s(self) -> float:
        """Seconds a call."""
        return median(self.samples_s)


@dataclass(frozen=True)
class Measured:
    """What the rungs' program prints."""

    peak_flops: tuple[Quantity, ...]  # multiply-add chains in registers, operations a second
    rungs: tuple[Rung, ...]


@dataclass(frozen=True)
class Climb:
    """Every rung at one shape."""

    workload: Workload
    threads: int
    measured: Measured

    def flops_per_s(self, rung: Rung) -> float:
        """Of what the problem needs, whatever the rung did."""
        return cost(self.workload, "model", "forward", 4).flops / rung.median_s

    def share_of_peak(self, rung: Rung) -> float:
        """Of all threads' vector units."""
        return self.flops_per_s(rung) / median(self.measured.peak_flops)


@dataclass(frozen=True, kw_only=True)
class Ladder(Origin):
    """Every climb of one machine."""

    target: Text  # instruction set
    climbs: tuple[Climb, ...]


def climb(threads: int) -> tuple[Climb, ...]:
    """Every shape's climb.

    Raises ResultError where the rungs cannot be compiled.
    """
    with tempfile.TemporaryDirectory() as scratch:
        program = Path(scratch, "rungs")
        try:
            compiler.compile_program(HERE / "rungs.cc", program)
        except compiler.BuildError as error:
            raise ResultError(f"no ladder: {error}") from error
        return tuple(_climb(program, workload, threads) for workload in SHAPES)


def _climb(program: Path, w: Workload, threads: int) -> Climb:
    sizes = map(str, (w.T, w.B, w.I, w.H, w.O, threads, ROUNDS))
    ran = subprocess.run([program, *sizes], capture_output=True, check=True)
    return Climb(w, threads, TypeAdapter(Measured).validate_json(ran.stdout))
