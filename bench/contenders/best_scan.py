"""The scans that one could write, of which the row `scan` shows the best.

Hoisting the input projection out of the loop gives one large product in place of T small ones, but
pre-activations to write and read back; unrolling saves trips of the loop and lets XLA fuse across
steps. Which is best depends on shape, pass and machine, so every one of them is compiled and they
race. Of those that are about as fast as the best, the simplest is taken. Later runs on the machine
take the same one (`bench.records.choices`): a baseline that changes from run to run compares with
nothing.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

from bench.cases.case import Case
from bench.cases.programs import functions, program
from bench.cases.tolerance import tolerance
from bench.contenders import unhoisted_scan
from bench.contenders.subject import Subject, compiled
from bench.timing import processor
from bench.timing.race import first_of_the_fastest
from kernels import scan
from kernels.contract import Kernel

FACTORS = (1, 4, 16)  # of unrolling; those between are within a few percent of a neighbour


@dataclass(frozen=True)
class Variant:
    """One way to write the scan."""

    hoisted: bool
    unroll: int

    def __str__(self) -> str:
        return f"{'hoisted' if self.hoisted else 'unhoisted'}, unroll {self.unroll}"

    @property
    def kernel(self) -> Kernel:
        """What computes it."""
        predicates = {"unsupported": scan.unsupported, "handles": scan.HANDLES}
        halves = Kernel(*scan.unrolled_by(self.unroll), **predicates)
        return halves if self.hoisted else replace(halves, whole=unhoisted_scan.whole(self.unroll))


def variants(case: Case) -> Iterator[Variant]:
    """Those that differ, the simplest first.

    There is no factor above T, and without the projection nothing to hoist.
    """
    for hoisted in (True, False) if case.scope == "model" else (True,):
        for factor in FACTORS:
            if factor == 1 or factor <= case.workload.T:
                yield Variant(hoisted, factor)


def fastest(case: Case) -> Subject:
    """The simplest that is about as fast as any, compiled once more by itself.

    Its compile time is then that of one alone. A plain scan that is wrong stands for itself, so
    that it is found out.
    """
    every = list(variants(case))
    with ThreadPoolExecutor(processor.threads()) as pool:
        subjects = list(pool.map(partial(_compiled, case, name="race"), every))
    plain = subjects[0]
    if plain.error(plain.call()) > tolerance(case.workload, case.dtype, case.cell, case.phase):
        return plain
    return _compiled(case, every[first_of_the_fastest([each.call for each in subjects])])


def chosen(case: Case, name: str) -> Subject:
    """The variant of this name; the fastest, if there is none."""
    found = next((each for each in variants(case) if str(each) == name), None)
    return _compiled(case, found) if found else fastest(case)


def _compiled(case: Case, variant: Variant, name: str = "run") -> Subject:
    return compiled(program(case, functions(case, variant.kernel)), str(variant), name)
