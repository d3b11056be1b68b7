"""Time both passes of every cell, whole and without one thing after the other."""

from dataclasses import dataclass
from math import nan
from pathlib import Path

from pydantic import TypeAdapter

from bench.cases.case import CELLS
from bench.cases.fields import Name, Quantity, Text
from bench.cases.workloads import Workload, mission
from bench.records.run import Origin
from bench.studies import native_program
from bench.studies.native_program import Timed
from kernels.native import compiler

SOURCE = Path(__file__).with_name("parts.cc")
WORKLOAD = mission(100)


@dataclass(frozen=True)
class Measured:
    """What the program prints for a cell."""

    peak_flops: tuple[Quantity, ...]  # multiply-add chains in registers, operations a second
    parts: tuple[Timed, ...]  # each one pass, or one without a part of its work


@dataclass(frozen=True)
class CellParts:
    """One cell at the workload."""

    cell: Name
    measured: Measured

    def seconds(self, name: str) -> float:
        """The median of a part; NaN of one that an older file does not have."""
        return next((part.median_s for part in self.measured.parts if part.name == name), nan)


@dataclass(frozen=True, kw_only=True)
class Parts(Origin):
    """Every cell's parts on one machine; single precision, whole layer."""

    target: Text  # instruction set
    threads: int
    workload: Workload
    cells: tuple[CellParts, ...]

    @property
    def peak_flops(self) -> float:
        """The machine's: the best of all rounds, for some may be disturbed."""
        return max(peak for each in self.cells for peak in each.measured.peak_flops)


def measure(threads: int) -> tuple[CellParts, ...]:
    """Of every cell.

    Raises ResultError where the program cannot be compiled.
    """
    return tuple(_measure(cell, threads) for cell in CELLS)


def _measure(cell: str, threads: int) -> CellParts:
    with native_program.compiled(SOURCE, *compiler.of_cell(cell)) as program:
        text = native_program.printed(program, WORKLOAD, threads)
    return CellParts(cell, TypeAdapter(Measured).validate_json(text))
