"""What a run measures: cases, and the order in which they are sampled."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from bench.fields import Name
from bench.formats import Dtype
from bench.workloads import Workload
from kernels.registry import KERNELS

SCOPES = ("recurrence", "model")
PASSES = ("forward", "backward", "train")
BASELINE = "scan"  # of every speed-up; `bench.variants` says which scan
# Times that every kernel of a group has its turn. A case is known by its turns' medians: fewer than
# four say too little of how they spread.
FEWEST_BLOCKS, MOST_BLOCKS = 4, 10


@dataclass(frozen=True)
class Case:
    """One kernel on one problem.

    `scope` is the recurrence alone (z given) or the whole model, `phase` one of PASSES.
    """

    workload: Workload
    scope: Literal["recurrence", "model"]
    phase: Literal["forward", "backward", "train"]
    dtype: Dtype
    activation: Name
    kernel: Name

    @property
    def group(self) -> "Case":
        """The problem without the kernel: cases of one group compare with each other."""
        return replace(self, kernel="")

    def __str__(self) -> str:
        problem = (self.workload.name, self.scope, self.phase, self.dtype, self.activation)
        return " ".join((*problem, self.kernel))


def cases(
    workloads: Sequence[Workload],
    dtypes: Sequence[str],
    kernels: Sequence[str],
    phases: Sequence[str] = ("forward",),
    activation: str = "relu",
) -> tuple[Case, ...]:
    """Every combination, the kernels of one group next to each other.

    A kernel without a backward half of its own is another kernel's forward pass: left out there.
    A peer is the whole model, and has no backward pass apart: left out where there is one.
    """
    every = (
        Case(workload, scope, phase, dtype, activation, kernel)
        for workload in workloads
        for dtype in dtypes
        for scope in SCOPES
        for phase in phases
        for kernel in kernels
        if _distinct(kernel, scope, phase)
    )
    return tuple(dict.fromkeys(every))


def _distinct(kernel: str, scope: str, phase: str) -> bool:
    if kernel not in KERNELS:
        return scope == "model" and phase != "backward"
    return phase != "forward" or KERNELS[kernel].backward is not None


def turns(cases: Sequence[Case]) -> Iterator[tuple[Case, int]]:
    """(case, block): within a group kernels take turns, each block in the opposite order.

    A machine's speed drifts over seconds. Kernels that alternate see the same drift, so the ratio
    of two of them is steadier than either time. A group that is known well enough lets the rest of
    its turns pass.
    """
    groups: dict[Case, list[Case]] = {}
    for case in cases:
        groups.setdefault(case.group, []).append(case)
    for group in groups.values():
        for block in range(MOST_BLOCKS):
            yield from ((case, block) for case in (group if block % 2 == 0 else group[::-1]))
