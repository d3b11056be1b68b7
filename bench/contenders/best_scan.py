"""The scans that one could write, of which the row `scan` shows the best.

Hoisting the input projection out of the loop gives one large product in place of T small ones, but
a z to write and read back; unrolling saves trips of the loop and lets XLA fuse across steps. Which
is best depends on shape, pass and machine, so every one of them is compiled and they race.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from bench.cases.case import Case
from bench.cases.programs import functions, program
from bench.cases.tolerance import tolerance
from bench.contenders import unhoisted_scan
from bench.contenders.subject import Subject, compiled
from bench.timing import processor
from bench.timing.race import winner
from kernels import scan
from kernels.contract import Kernel

FACTORS = (1, 2, 4, 8, 16)  # of unrolling


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
        halves = Kernel(*scan.unrolled_by(self.unroll), unsupported=scan.unsupported)
        return halves if self.hoisted else replace(halves, layer=unhoisted_scan.layer(self.unroll))


def variants(case: Case) -> Iterator[Variant]:
    """Those that differ: no factor above T, and without the projection nothing to hoist."""
    for hoisted in (True, False) if case.scope == "model" else (True,):
        for factor in FACTORS:
            if factor == 1 or factor <= case.workload.T:
                yield Variant(hoisted, factor)


def fastest(case: Case) -> Subject:
    """The fastest, compiled once more by itself: its compile time is that of one alone.

    A plain scan that is wrong stands for itself, so that it is found out.
    """
    every = list(variants(case))

    def make(variant: Variant) -> Subject:
        return compiled(program(case, functions(case, variant.kernel)), variant=str(variant))

    with ThreadPoolExecutor(processor.threads()) as pool:
        subjects = list(pool.map(make, every))
    plain = subjects[0]
    if plain.error(plain.call()) > tolerance(case.workload, case.dtype, case.phase):
        return plain
    return make(every[winner([subject.call for subject in subjects])])
