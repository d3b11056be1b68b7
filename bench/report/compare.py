"""`python -m bench compare A B ...`: result files side by side.

Files of one machine get a verdict against the first. It is wider than the gate's: a visit counts as
one, and what changed between two runs beside the code is in no file. Files of another machine stand
beside them without one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import exp, log
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bench.cases.case import Case
from bench.judging import precision
from bench.judging.precision import seconds as seconds_of
from bench.judging.verdicts import MARGIN, UNPAIRED_ERROR, Interval, Verdict, unpaired, verdict
from bench.records import store
from bench.records.run import CaseResult, Run
from bench.records.store import ResultError
from bench.report.terminal import empty_table
from bench.report.units import change, changes, seconds

CIRCUMSTANCES = ("os", "xla_flags")  # of a run on it


@dataclass(frozen=True)
class Comparison:
    """What a case's result says against the first file's."""

    interval: Interval
    verdict: Verdict


def main(paths: Sequence[Path], console: Console) -> int:
    """Print every case that any file has. Raises ResultError for files that do not compare."""
    if len(paths) < 2:
        raise ResultError(f"compare got {len(paths)} result file; expected two or more")
    runs = [store.load(path) for path in paths]
    _check_unique_names(paths, runs)
    console.print(*_introductions(paths, runs), sep="\n", markup=False)
    console.print(_table(runs))
    return 0


def side_by_side(runs: Sequence[Run]) -> dict[Case, list[CaseResult | None]]:
    """Every case, and what each run made of it."""
    found = [{result.case: result for result in run.cases} for run in runs]
    every = dict.fromkeys(case for results in found for case in results)
    return {case: [results.get(case) for results in found] for case in every}


def compared(first: CaseResult | None, other: CaseResult | None) -> Comparison | None:
    """From the times of visits; None unless both were timed."""
    if not (first and other and first.visits and other.visits):
        return None
    visits = ([log(seconds_of(visit)) for visit in each.visits] for each in (first, other))
    interval = unpaired(*visits, UNPAIRED_ERROR)
    return Comparison(interval, verdict(interval, MARGIN))


def same_machine(first: Run, other: Run) -> bool:
    """Whether a verdict would speak of the code, not of two machines."""
    return not first.machine.differing(other.machine)


def _check_unique_names(paths: Sequence[Path], runs: Sequence[Run]) -> None:
    """One name with two shapes would put two problems on one line."""
    known: dict[str, tuple[object, Path]] = {}
    for path, run in zip(paths, runs, strict=True):
        for workload in {result.case.workload for result in run.cases}:
            before, where = known.setdefault(workload.name, (workload, path))
            if before != workload:
                raise ResultError(f"{path}: {workload}; but {where} has {before}")


def _introductions(paths: Sequence[Path], runs: Sequence[Run]) -> Iterator[str]:
    """A line a file: where it comes from, and what sets it apart from the first."""
    for label, path, run in zip(_labels(runs), paths, runs, strict=True):
        machine = f"{run.machine.name} ({run.machine.backend})"
        commit = (run.source.commit or "unknown")[:12]
        changed = " with local changes" if run.source.dirty else ""
        source = f"{path}, {machine}, {run.started[:10]}, commit {commit}{changed}"
        yield f"{label}: {source}{_apart(runs[0], run)}"


def _apart(first: Run, run: Run) -> str:
    if differing := first.machine.differing(run.machine):
        return f"; another machine ({', '.join(differing)}): no verdict"
    circumstances = [
        name for name in CIRCUMSTANCES if getattr(first.machine, name) != getattr(run.machine, name)
    ]
    packages = first.versions.keys() | run.versions.keys()
    changed = [p for p in packages if first.versions.get(p) != run.versions.get(p)]
    differing = [*circumstances, *sorted(changed)]
    return f"; differs in {', '.join(differing)}" if differing else ""


def _labels(runs: Sequence[Run]) -> list[str]:
    """A to Z, then by number."""
    return [chr(ord("A") + i) if i < 26 else str(i + 1) for i in range(len(runs))]


def _table(runs: Sequence[Run]) -> Table:
    table = empty_table()
    table.add_column("case")
    for label, run in zip(_labels(runs), runs, strict=True):
        table.add_column(escape(f"{label}: {run.machine.name} ({run.machine.backend})"))
    judging = [run is not runs[0] and same_machine(runs[0], run) for run in runs]
    for case, found in side_by_side(runs).items():
        cells = (
            _cell(result, compared(found[0], result) if judge else None)
            for result, judge in zip(found, judging, strict=True)
        )
        table.add_row(escape(str(case)), *map(escape, cells))
    return table


def _cell(result: CaseResult | None, comparison: Comparison | None) -> str:
    """The time, or why there is none; below it the comparison with the first file."""
    if result is None or not result.visits:
        return result.status if result else "absent"
    time = seconds(exp(precision.time(result).estimate))
    if comparison is None:
        return time
    interval = comparison.interval
    ends = changes(interval.low, interval.high)
    return f"{time}  {comparison.verdict}\n{change(interval.estimate)} ({ends})"
