"""Runs beside each other: where they come from, every case, what changed from the first."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.cases.case import Case, Wanted
from bench.cases.workloads import Workload
from bench.records import store
from bench.records.run import CaseResult, Run
from bench.records.store import ResultError
from bench.report.compare.changes import Change, changes, comparable

CIRCUMSTANCES = ("os", "xla_flags")  # of a run on a machine
EVERYTHING = Wanted()

Every = Mapping[Case, Sequence[CaseResult | None]]


@dataclass(frozen=True)
class Comparison:
    """Two runs or more.

    all_cases: and what each run made of it; all_changes: of each run against the first, none where
    two do not compare. Both before they are narrowed to what is wanted.
    """

    runs: Sequence[Run]
    introductions: Sequence[str]
    all_cases: Every
    all_changes: Sequence[Mapping[Case, Change]]
    wanted: Wanted

    @property
    def labels(self) -> list[str]:
        """Of the runs."""
        return list(labelled(len(self.runs)))

    @property
    def cases(self) -> Every:
        """Those wanted."""
        return _only(self.wanted, self.all_cases)

    @property
    def changes(self) -> list[dict[Case, Change]]:
        """Of the cases wanted, for each run; of the first none."""
        return [_only(self.wanted, found) for found in self.all_changes]

    @property
    def changed(self) -> dict[Case, Change]:
        """Between two runs; none where there are more."""
        return self.changes[1] if len(self.runs) == 2 else {}

    @property
    def lost(self) -> dict[Case, CaseResult]:
        """What the last run found wrong, or failed, where the first has a time."""
        both = ((case, results[0], results[-1]) for case, results in self.cases.items())
        return {
            case: last
            for case, first, last in both
            if first and first.visits and last and last.status in ("wrong", "failed")
        }

    @property
    def several_machines(self) -> bool:
        """Whether they were measured on more than one."""
        first, *others = (run.machine for run in self.runs)
        return any(first.differing(machine) for machine in others)


def read(paths: Sequence[Path], wanted: Wanted = EVERYTHING) -> Comparison:
    """Raises ResultError for files that do not compare, or have no wanted case."""
    runs = [store.load(path) for path in paths]
    _check_unique_names(paths, runs)
    introductions = list(_introductions(paths, runs))
    all_changes = [{}, *(_changes(runs[0], run) for run in runs[1:])]
    found = Comparison(runs, introductions, side_by_side(runs), all_changes, wanted)
    if found.all_cases and not found.cases:
        raise ResultError("no case of these runs is of the kernels, passes and dtypes given")
    return found


def side_by_side(runs: Sequence[Run]) -> Every:
    """Every case, and what each run made of it."""
    found = [{result.case: result for result in run.cases} for run in runs]
    every = dict.fromkeys(case for results in found for case in results)
    return {case: [results.get(case) for results in found] for case in every}


def labelled(count: int) -> Iterator[str]:
    """A to Z, then by number."""
    return (chr(ord("A") + i) if i < 26 else str(i + 1) for i in range(count))


def _only[Of](wanted: Wanted, cases: Mapping[Case, Of]) -> dict[Case, Of]:
    return {case: value for case, value in cases.items() if wanted.includes(case)}


def _changes(first: Run, other: Run) -> Mapping[Case, Change]:
    return changes(first, other) if comparable(first, other) else {}


def _check_unique_names(paths: Sequence[Path], runs: Sequence[Run]) -> None:
    """One name with two shapes would put two problems on one line."""
    known: dict[str, tuple[Workload, Path]] = {}
    for path, run in zip(paths, runs, strict=True):
        for workload in {result.case.workload for result in run.cases}:
            before, where = known.setdefault(workload.name, (workload, path))
            if before != workload:
                raise ResultError(
                    f"{where} and {path} have two shapes named {workload.name}, "
                    f"{_sizes(before)} and {_sizes(workload)}; expected one"
                )


def _sizes(workload: Workload) -> str:
    sizes = ",".join(f"{axis}={getattr(workload, axis)}" for axis in "TBIHO")
    return f"{sizes} ({workload.structure})" if workload.structure else sizes


def _introductions(paths: Sequence[Path], runs: Sequence[Run]) -> Iterator[str]:
    """A line a file: where it comes from, and what sets it apart from the first."""
    for label, path, run in zip(labelled(len(runs)), paths, runs, strict=True):
        machine = f"{run.machine.name} ({run.machine.backend})"
        commit = (run.source.commit or "unknown")[:12]
        changed = " with local changes" if run.source.dirty else ""
        source = f"{path}, {machine}, {run.started[:10]}, commit {commit}{changed}"
        yield f"{label}: {source}{_apart(runs[0], run)}"


def _apart(first: Run, run: Run) -> str:
    if differing := first.machine.differing(run.machine):
        return f"; another machine ({', '.join(differing)}): no verdict"
    if not comparable(first, run):
        return "; filled in by `history --measure`, or by another tree: no verdict"
    before, after = _known(first), _known(run)
    names = dict.fromkeys((*CIRCUMSTANCES, *sorted(before.keys() | after.keys())))
    differing = [
        f"{name} ({before.get(name, 'none')}, here {after.get(name, 'none')})"
        for name in names
        if before.get(name) != after.get(name)
    ]
    return f"; differs in {', '.join(differing)}" if differing else ""


def _known(run: Run) -> dict[str, str]:
    """What may differ between runs of one machine."""
    of_machine = {name: getattr(run.machine, name) for name in CIRCUMSTANCES}
    chosen = of_machine | run.settings.process
    return run.versions | {name: value or "none" for name, value in chosen.items()}
