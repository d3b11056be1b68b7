"""Compile the rungs, climb them at a few shapes, keep every sample."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from bench.cases.cost import cost
from bench.cases.fields import Quantity, Text
from bench.cases.workloads import Workload, mission
from bench.records.run import Origin
from bench.studies import native_program
from bench.studies.native_program import Timed

SOURCE = Path(__file__).with_name("rungs.cc")
# Where the batch fills the register tile, where there is no batch, where W_h fills no cache.
SHAPES = (
    mission(100),
    mission(1),
    Workload("batch-1", T=256, B=1, I=128, H=256, O=128),
    Workload("wide", T=50, B=16, I=1760, H=1760, O=32),
)


@dataclass(frozen=True)
class Rung(Timed):
    """One way to compute the forward pass, single precision, relu."""

    deviation: Quantity  # the largest absolute one from the first rung


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
        return cost(self.workload, "relu", "model", "forward", 4).flops / rung.median_s


@dataclass(frozen=True, kw_only=True)
class Ladder(Origin):
    """Every climb of one machine."""

    target: Text  # instruction set
    climbs: tuple[Climb, ...]

    @property
    def peak_flops(self) -> float:
        """The machine's: the best of all rounds, for some may be disturbed."""
        return max(peak for climb in self.climbs for peak in climb.measured.peak_flops)

    def share_of_peak(self, climb: Climb, rung: Rung) -> float:
        """Of what all threads' vector units can do."""
        return climb.flops_per_s(rung) / self.peak_flops


def climb(threads: int) -> tuple[Climb, ...]:
    """Every shape's climb.

    Raises ResultError where the rungs cannot be compiled.
    """
    with native_program.compiled(SOURCE) as program:
        return tuple(_climb(program, workload, threads) for workload in SHAPES)


def _climb(program: Path, w: Workload, threads: int) -> Climb:
    text = native_program.printed(program, w, threads)
    return Climb(w, threads, TypeAdapter(Measured).validate_json(text))
