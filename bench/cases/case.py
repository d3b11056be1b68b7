"""What is measured: one kernel on one problem."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Literal

from bench.cases.dtypes import Dtype
from bench.cases.fields import Name
from bench.cases.workloads import Workload

SCOPES = ("recurrence", "model")
PASSES = ("forward", "backward", "train")
ACTIVATIONS = ("relu", "tanh")  # the names of `reference.ACTIVATIONS`
BASELINE = "scan"  # of every speed-up; `bench.contenders.best_scan` says which scan


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


@dataclass(frozen=True)
class Wanted:
    """Which cases to show; None: all of them."""

    kernels: Collection[str] | None = None
    phases: Collection[str] | None = None
    dtypes: Collection[str] | None = None

    def includes(self, case: Case) -> bool:
        """Whether a case is one of them."""
        asked = ((self.kernels, case.kernel), (self.phases, case.phase), (self.dtypes, case.dtype))
        return all(chosen is None or own in chosen for chosen, own in asked)
