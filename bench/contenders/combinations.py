"""Which contenders have which cases."""

from collections.abc import Sequence

from bench.cases.case import SCOPES, Case
from bench.cases.workloads import Workload
from bench.contenders.names import PEERS
from kernels.registry import KERNELS


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
    if kernel in PEERS:
        return scope == "model" and phase != "backward"
    return phase != "forward" or KERNELS[kernel].backward is not None
