"""The command itself: files in, a headline and a table out.

Two files of one machine: what changed on the whole, then every case that is not the SAME, the
largest change first. Any number of files, of any machines: times side by side, on the terminal with
verdicts against the first where the machine is the same; of several machines, who is fastest where.
A page has all cases of either.
"""

from collections.abc import Iterator, Mapping, Sequence
from math import exp
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bench.cases.case import BASELINE, Case, Wanted
from bench.judging import precision
from bench.judging.verdicts import Verdict
from bench.records import store
from bench.records.run import CaseResult, Run
from bench.records.store import ResultError
from bench.report.compare import machines, page
from bench.report.compare.changes import Change, changes, same_machine, summaries
from bench.report.compare.labels import labelled
from bench.report.compare.page import Every
from bench.report.terminal import empty_table
from bench.report.units import change, seconds
from bench.report.units import changes as both_ends

PAGES = "compare"  # the folder of the newest comparison's pages
EVERYTHING = Wanted()
CIRCUMSTANCES = ("os", "xla_flags")  # of a run on a machine


def main(
    paths: Sequence[Path],
    console: Console,
    wanted: Wanted = EVERYTHING,
    *,
    fail_on: Verdict | None = None,
    publish: bool = False,
) -> int:
    """Print what changed in the wanted cases, and write it as a page.

    The exit status is 1 if a case has the verdict `fail_on`. Raises ResultError for files that do
    not compare, or have no wanted case.
    """
    runs = [store.load(path) for path in paths]
    _check_unique_names(paths, runs)
    everything = side_by_side(runs)
    every = _only(wanted, everything)
    if everything and not every:
        raise ResultError("no case of these runs is of the kernels, passes and dtypes given")
    introductions = list(_introductions(paths, runs))
    console.print(*introductions, sep="\n", markup=False)
    against_first = [{}, *(_only(wanted, _judged(runs[0], run)) for run in runs[1:])]
    changed = against_first[1] if len(runs) == 2 else {}
    if changed:
        console.print(_headline(changed))
        console.print(*_changed(every, changed), sep="\n")
    else:
        console.print(_table(runs, every, against_first))
    across = [machines.section(every)] if _several_machines(runs) else []
    for line in (line for section in across for line in section.prose):
        console.print(line, markup=False)
    try:
        folder = store.root(publish=publish) / PAGES
        console.print(f"Page: {page.write(folder, introductions, every, against_first, across)}")
    except OSError as error:  # the verdicts stand without it
        console.print(f"No page: {error}", markup=False)
    found = (each.verdict for against in against_first for each in against.values())
    return int(fail_on is not None and fail_on in found)


def _only[Of](wanted: Wanted, cases: Mapping[Case, Of]) -> dict[Case, Of]:
    return {case: value for case, value in cases.items() if wanted.includes(case)}


def _several_machines(runs: Sequence[Run]) -> bool:
    return not all(same_machine(runs[0], run) for run in runs[1:])


def side_by_side(runs: Sequence[Run]) -> dict[Case, list[CaseResult | None]]:
    """Every case, and what each run made of it."""
    found = [{result.case: result for result in run.cases} for run in runs]
    every = dict.fromkeys(case for results in found for case in results)
    return {case: [results.get(case) for results in found] for case in every}


def _judged(first: Run, other: Run) -> dict[Case, Change]:
    return changes(first, other) if same_machine(first, other) else {}


def _headline(found: Mapping[Case, Change]) -> Table:
    """By pass and kernel: the mean change, and how many cases have which verdict."""
    table = empty_table()
    for name in ("pass", "kernel", "mean change", "95 % interval", *Verdict):
        table.add_column(name, justify="left" if name in ("pass", "kernel") else "right")
    for each in summaries(found):
        interval = each.interval
        counts = [str(each.verdicts[verdict]) for verdict in Verdict]
        ends = both_ends(interval.low, interval.high)
        table.add_row(each.phase, escape(each.kernel), change(interval.estimate), ends, *counts)
    return table


def _changed(every: Every, found: Mapping[Case, Change]) -> Iterator[Table | str]:
    """The cases that are not the SAME, or lost their time; then how many others there are."""
    table = empty_table()
    for name in ("case", "A", "B", "change", "95 % interval", "verdict"):
        table.add_column(name)
    for case in sorted(every, key=lambda case: _rank(found.get(case))):
        if case in found and found[case].verdict != Verdict.SAME:
            table.add_row(*map(escape, (str(case), *map(_time, every[case]), *_words(found[case]))))
        elif case not in found and _differ(*every[case]):
            table.add_row(*map(escape, (str(case), *map(_time, every[case]))))
    if table.rows:
        yield table
    same = sum(each.verdict == Verdict.SAME for each in found.values())
    yield f"SAME: {same} of {len(found)} cases."
    if alone := sum(None in results for results in every.values()):
        yield f"In one run only: {alone}."


def _rank(found: Change | None) -> float:
    """The largest change first; what cannot be compared last."""
    return -abs(found.interval.estimate) if found else 0.0


def _differ(one: CaseResult | None, other: CaseResult | None) -> bool:
    return bool(one and other) and one.status != other.status


def _words(found: Change) -> tuple[str, str, str]:
    interval, of = found.interval, f" × {BASELINE}" if found.by_ratio else ""
    ends = both_ends(interval.low, interval.high)
    return f"{change(interval.estimate)}{of}", ends, found.verdict


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
    for label, path, run in zip(labelled(len(runs)), paths, runs, strict=True):
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


def _table(
    runs: Sequence[Run], every: Every, against_first: Sequence[Mapping[Case, Change]]
) -> Table:
    table = empty_table()
    table.add_column("case")
    for label, run in zip(labelled(len(runs)), runs, strict=True):
        table.add_column(escape(f"{label}: {run.machine.name} ({run.machine.backend})"))
    for case, found in every.items():
        cells = (
            _cell(result, against.get(case))
            for result, against in zip(found, against_first, strict=True)
        )
        table.add_row(escape(str(case)), *map(escape, cells))
    return table


def _cell(result: CaseResult | None, found: Change | None) -> str:
    """The time, or why there is none; below it the change from the first file."""
    if found is None:
        return _time(result)
    size, ends, verdict = _words(found)
    return f"{_time(result)}  {verdict}\n{size} ({ends})"


def _time(result: CaseResult | None) -> str:
    """Or why there is none."""
    if result is None or not result.visits:
        return result.status if result else "absent"
    return seconds(exp(precision.time(result).estimate))
