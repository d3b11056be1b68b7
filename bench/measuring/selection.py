"""What a run measures."""

from dataclasses import dataclass
from pathlib import Path

from bench.cases.case import Case, Place
from bench.cases.suites import Problem
from bench.contenders import registry
from bench.contenders.combinations import cases
from bench.records.store import ResultError


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which cases, on this process's backend; `suite` is what their results are filed under."""

    suite: str
    problems: tuple[Problem, ...]
    kernels: tuple[str, ...]
    phases: tuple[str, ...]
    places: tuple[Place, ...] = (Place(),)
    groups: tuple[str, ...] = ()  # only these, by `Case.problem`

    @property
    def cases(self) -> tuple[Case, ...]:
        """Every selected case, of the kernels that this machine has."""
        here = [name for name in self.kernels if registry.unavailable(name) is None]
        every = cases(self.problems, here, self.phases, self.places)
        return tuple(case for case in every if not self.groups or case.problem in self.groups)

    def require_groups(self) -> None:
        """Raise ResultError for a group that is none of the selection."""
        known = {
            each.problem for each in cases(self.problems, self.kernels, self.phases, self.places)
        }
        if unknown := [name for name in self.groups if name not in known]:
            raise ResultError(
                f"--group is {unknown[0]!r}; expected some of what fleet --list prints"
            )

    @property
    def unavailable(self) -> dict[str, str]:
        """The selected kernels that this machine lacks, and why."""
        reasons = {name: registry.unavailable(name) for name in self.kernels}
        return {name: reason for name, reason in reasons.items() if reason}

    def require_cases(self) -> None:
        """Raise ResultError if there is nothing to measure."""
        self.require_groups()
        kernels: dict[str | None, dict[str, None]] = {}  # by the reason against them
        for case in self.cases:
            kernels.setdefault(registry.unsupported(case), {})[case.kernel] = None
        if None in kernels:
            return
        for name, reason in self.unavailable.items():
            kernels.setdefault(reason, {})[name] = None
        reasons = (f"{', '.join(names)}: {reason}" for reason, names in kernels.items())
        raise ResultError(f"nothing to measure: {'; '.join(reasons)}")


@dataclass(frozen=True, kw_only=True)
class Request(Selection):
    """What to measure, for how long, and whether to publish it."""

    budget_s: float | None  # of the whole run; None: as long as the intervals need
    patience_s: float  # for a case to be compiled; one that hangs is given up then
    publish: bool
    command: str
    narrowed: tuple[str, ...]  # options by which it is less than the whole suite
    resume: bool  # go on with the newest run that was interrupted
    resumed: str = ""  # the file to go on with, where that is known
    out: Path | None = None  # the new file to write, without a report; None: under results/
