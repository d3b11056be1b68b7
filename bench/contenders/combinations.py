"""Which contenders have which cases."""

from collections.abc import Sequence

from bench.cases.case import SCOPES, Case, Place
from bench.cases.suites import Problem
from bench.contenders.names import PEERS, PREPARED
from kernels.registry import KERNELS


def cases(
    problems: Sequence[Problem],
    kernels: Sequence[str],
    phases: Sequence[str] = ("forward",),
    places: Sequence[Place] = (Place(),),
) -> tuple[Case, ...]:
    """Every combination, the kernels of one group next to each other, then its other places.

    A kernel without a backward half of its own is another kernel's forward pass: left out there.
    A peer is the whole model, and has no backward pass apart: left out where there is one. So is
    a kernel on prepared params.
    Layers, directions and lengths are a model's.
    """
    every = (
        Case(workload, scope, phase, dtype, cell, kernel, *place)
        for workload, dtype, cell in problems
        for scope in SCOPES
        for phase in phases
        for place in places
        for kernel in kernels
        if scope == "model" or workload.plain
        if _distinct(kernel, scope, phase)
    )
    return tuple(dict.fromkeys(every))


def _distinct(kernel: str, scope: str, phase: str) -> bool:
    if kernel in PREPARED or kernel in PEERS:
        return scope == "model" and phase != "backward"
    return phase != "forward" or KERNELS[kernel].backward is not None
