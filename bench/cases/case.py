"""What is measured: one kernel on one problem."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, Field

from bench.cases.dtypes import Dtype
from bench.cases.fields import Name
from bench.cases.workloads import Workload
from reference import names

SCOPES = ("recurrence", "model")
PASSES = ("forward", "backward", "train")
DEFAULT_PASSES = ("forward", "train")  # what a run measures unless it is asked for others
CELLS = tuple(names.CELLS)
MOST_CORES = MOST_DEVICES = 2**20
BASELINE = "scan"  # of every speed-up; `bench.contenders.best_scan` says which scan


def _known(cell: str) -> str:
    """Of a result file: without its cell a case has neither a cost nor a ceiling."""
    if cell not in CELLS:
        raise ValueError(f"cell is {cell!r}; expected one of {', '.join(CELLS)}")
    return cell


class Place(NamedTuple):
    """What a case runs on: so many cores of a CPU, None for all; so many devices, None for one."""

    cores: int | None = None
    devices: int | None = None


@dataclass(frozen=True)
class Case:
    """One kernel on one problem.

    `scope` is the recurrence alone (its input projected) or the whole model, `phase` one of PASSES.
    `cores` of the CPU run it; None: all that the run may use. `devices` have their rows of the
    batch each; None: one device has all of them.
    """

    workload: Workload
    scope: Literal["recurrence", "model"]
    phase: Literal["forward", "backward", "train"]
    dtype: Dtype
    cell: Annotated[Name, AfterValidator(_known)]
    kernel: Name
    cores: Annotated[int, Field(ge=1, le=MOST_CORES)] | None = None
    devices: Annotated[int, Field(ge=2, le=MOST_DEVICES)] | None = None

    @property
    def place(self) -> Place:
        """What it runs on."""
        return Place(self.cores, self.devices)

    @property
    def where(self) -> str:
        """For example "1 core" or "4 devices"; "" for all cores, and for one device."""
        cores = f"{self.cores} core{'s' if self.cores > 1 else ''}" if self.cores else ""
        return cores or (f"{self.devices} devices" if self.devices else "")

    @property
    def share(self) -> Workload:
        """What each of its devices computes: as many rows as the others.

        Of uneven lengths each is taken to have the mix of the whole batch.
        """
        rows = max(self.workload.B // (self.devices or 1), 1)
        return replace(self.workload, B=rows)

    @property
    def group(self) -> "Case":
        """The problem without the kernel: cases of one group compare with each other."""
        return replace(self, kernel="")

    @property
    def problem(self) -> str:
        """The name of its group, of which a selection has no two alike."""
        return self._in_words()

    def __str__(self) -> str:
        return self._in_words(self.kernel)

    def _in_words(self, *kernel: str) -> str:
        problem = (self.workload.name, self.scope, self.phase, self.dtype, self.cell)
        return " ".join((*problem, *kernel, *(["on", self.where] if self.where else [])))


@dataclass(frozen=True)
class Wanted:
    """Which cases to show; None: all of them."""

    kernels: Collection[str] | None = None
    phases: Collection[str] | None = None
    dtypes: Collection[str] | None = None
    cells: Collection[str] | None = None

    def includes(self, case: Case) -> bool:
        """Whether a case is one of them."""
        asked = (
            (self.kernels, case.kernel),
            (self.phases, case.phase),
            (self.dtypes, case.dtype),
            (self.cells, case.cell),
        )
        return all(chosen is None or own in chosen for chosen, own in asked)
