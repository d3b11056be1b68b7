"""`python -m bench compare A B ...`: result files side by side.

Files of one machine get a verdict against the first. The machine is a few percent faster or slower
from hour to hour, for all kernels alike. So a kernel is judged by its ratio to the baseline, where
that is one program in both runs, and only the baseline itself by its time. What is left still
differs by more than within a run: the margin is twice the gate's, which alternates the two sides.
Files of another machine stand beside them without a verdict.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import exp
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bench.cases.case import BASELINE, Case
from bench.judging import precision
from bench.judging.verdicts import UNPAIRED_ERROR, Interval, Verdict, unpaired, verdict
from bench.records import store
from bench.records.run import CaseResult, Run
from bench.records.store import ResultError
from bench.report.terminal import empty_table
from bench.report.units import change, changes, seconds

MARGIN = 0.10  # a change that two runs can tell from one between hours
CIRCUMSTANCES = ("os", "xla_flags")  # of a run on it
COMPILERS = ("jax", "jaxlib")  # with one version of them a variant is one program


@dataclass(frozen=True)
class Comparison:
    """What a case's result says against the first file's: of its time, or its ratio to scan."""

    interval: Interval
    by_ratio: bool

    @property
    def verdict(self) -> Verdict:
        """With the margin of two runs."""
        return verdict(self.interval, MARGIN)


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


def comparisons(first: Run, other: Run) -> dict[Case, Comparison]:
    """Of every case that both have timed."""
    one, another = _timed(first), _timed(other)
    both = [case for case in one if case in another]
    fixed = {case.group for case in both if _is_fixed(case, first, one[case], other, another[case])}
    return {case: _compared(case, one, another, case.group in fixed) for case in both}


def _timed(run: Run) -> dict[Case, CaseResult]:
    return {result.case: result for result in run.cases if result.visits}


def _is_fixed(case: Case, first: Run, one: CaseResult, other: Run, another: CaseResult) -> bool:
    """Whether this is the baseline, and the same program in both runs."""
    libraries = [[run.versions.get(name) for name in COMPILERS] for run in (first, other)]
    return (
        case.kernel == BASELINE
        and one.variant == another.variant
        and libraries[0] == libraries[1]
        and first.machine.xla_flags == other.machine.xla_flags
    )


def _compared(
    case: Case, one: dict[Case, CaseResult], another: dict[Case, CaseResult], fixed: bool
) -> Comparison:
    by_ratio = fixed and case.kernel != BASELINE
    visits = (_levels(results, case, by_ratio) for results in (one, another))
    return Comparison(unpaired(*visits, UNPAIRED_ERROR), by_ratio)


def _levels(results: dict[Case, CaseResult], case: Case, by_ratio: bool) -> list[float]:
    """One logarithm a visit: of the time, or of its ratio to the baseline's."""
    if by_ratio:
        return precision.log_ratios(results[case], results[replace(case, kernel=BASELINE)])
    return precision.log_times(results[case])


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
    against_first = [{}, *(_judged(runs[0], run) for run in runs[1:])]
    for case, found in side_by_side(runs).items():
        cells = (
            _cell(result, against.get(case))
            for result, against in zip(found, against_first, strict=True)
        )
        table.add_row(escape(str(case)), *map(escape, cells))
    return table


def _judged(first: Run, other: Run) -> dict[Case, Comparison]:
    return comparisons(first, other) if same_machine(first, other) else {}


def _cell(result: CaseResult | None, comparison: Comparison | None) -> str:
    """The time, or why there is none; below it the comparison with the first file."""
    if result is None or not result.visits:
        return result.status if result else "absent"
    time = seconds(exp(precision.time(result).estimate))
    if comparison is None:
        return time
    interval, of = comparison.interval, f" × {BASELINE}" if comparison.by_ratio else ""
    ends = changes(interval.low, interval.high)
    return f"{time}  {comparison.verdict}\n{change(interval.estimate)}{of} ({ends})"
