"""Ceilings as they are kept in a result file, and the nearest one of a case."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bench.cases import cost
from bench.cases.case import Case
from bench.cases.dtypes import FORMATS
from bench.records.facts import Ceiling, Ceilings, Kind


@dataclass(frozen=True)
class Nearest:
    """The ceiling that a case comes closest to: the seconds that it needs at least."""

    name: Kind
    seconds: float
    spread: float


def merged(first: Ceilings, second: Ceilings) -> Ceilings:
    """Two measurements by the same programs as one: the rounds of both."""
    rounds: dict[Ceiling, tuple[float, ...]] = {}
    for each in (*first, *second):
        program = replace(each, rounds=())
        rounds[program] = rounds.get(program, ()) + each.rounds
    return tuple(replace(program, rounds=of_both) for program, of_both in rounds.items())


def of_cores(ceilings: Ceilings, cores: int | None) -> Ceilings:
    """Those of so many cores; None: of all that the run may use."""
    return tuple(each for each in ceilings if each.cores == cores)


def nearest(every: Ceilings, case: Case) -> Nearest | None:
    """The ceiling that leaves the case the most time; None where none was measured for it.

    They are one device's, and so is the work.
    """
    ceilings = of_cores(every, case.cores)
    itemsize = FORMATS[case.dtype].itemsize
    cost_key = (case.share, case.cell, case.scope, case.phase, itemsize)
    moved = cost.compulsory_bytes(*cost_key)
    demands = (
        (cost.cost(*cost_key).flops, arithmetic(ceilings, case.dtype)),
        (moved, bandwidth(ceilings, moved)),
        (
            case.workload.dependent_steps,
            [each for each in ceilings if each.kind == "serial"],
        ),
    )
    floors = [_floor(amount, family) for amount, family in demands if family]
    return max(floors, key=lambda floor: floor.seconds, default=None)


def _floor(amount: int, family: Sequence[Ceiling]) -> Nearest:
    highest = top(family)
    return Nearest(highest.kind, amount / highest.best, highest.spread)


def top(family: Sequence[Ceiling]) -> Ceiling:
    """The highest of several."""
    return max(family, key=lambda ceiling: ceiling.best)


def arithmetic(ceilings: Ceilings, dtype: str) -> list[Ceiling]:
    """Those that limit products in this dtype."""
    return [each for each in ceilings if each.kind == "arithmetic" and each.dtype in ("", dtype)]


def bandwidth(ceilings: Ceilings, footprint: int) -> list[Ceiling]:
    """Those of footprints as large as this one, rounded down to one that was measured.

    Caches need no size here: whatever held the measured footprint holds the case's no better.
    """
    every = [each for each in ceilings if each.kind == "bandwidth"]
    below = [each.footprint for each in every if each.footprint <= footprint]
    return [each for each in every if each.footprint >= max(below, default=0)]
