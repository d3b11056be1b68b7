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
from bench.records.run import CaseResult
from bench.records.store import ResultError
from bench.report.compare import comparison, machines, page
from bench.report.compare.changes import Change, summaries
from bench.report.compare.comparison import EVERYTHING, Comparison, Every
from bench.report.terminal import empty_table
from bench.report.units import change, seconds
from bench.report.units import changes as both_ends

PAGES = store.root(publish=False) / "compare"  # the newest comparison's


def main(
    paths: Sequence[Path],
    console: Console,
    wanted: Wanted = EVERYTHING,
    *,
    fail_on: Verdict | None = None,
    folder: Path = PAGES,
) -> int:
    """Print what changed in the wanted cases, and write it as a page into the folder.

    With `fail_on` the exit status is 1 if a case has that verdict, or lost its time. Raises
    ResultError for files that do not compare, have no wanted case, or, with `fail_on`, none with a
    verdict.
    """
    found = comparison.read(paths, wanted)
    console.print(*found.introductions, sep="\n", markup=False)
    console.print(*_shown(found), sep="\n")
    try:
        path = page.write(folder, found)
        console.print(f"Page: {path}", markup=False)
    except OSError as error:  # the verdicts stand without it
        console.print(f"No page: {error}", markup=False)
    verdicts = {change.verdict for changes in found.changes for change in changes.values()}
    if not fail_on:
        return 0
    if not verdicts and not found.lost:
        raise ResultError(f"no case has a verdict, so none can be {fail_on}")
    return int(fail_on in verdicts or bool(found.lost))


def _shown(found: Comparison) -> Iterator[Table | str]:
    if found.changed:
        yield _headline(found.changed)
        yield from _changed(found.cases, found.changed)
        return
    yield _table(found)
    if found.several_machines:
        yield from map(escape, machines.sentences(found.cases))


def _headline(found: Mapping[Case, Change]) -> Table:
    """By cell, pass and kernel: the mean change, and how many cases have which verdict."""
    table = empty_table()
    for name in ("cell", "pass", "kernel", "mean change", "95 % interval", *Verdict):
        table.add_column(name, justify="left" if name in ("cell", "pass", "kernel") else "right")
    for each in summaries(found):
        interval = each.interval
        counts = [str(each.verdicts[verdict]) for verdict in Verdict]
        ends = both_ends(interval.low, interval.high)
        of = (escape(each.cell), each.phase, escape(each.kernel))
        table.add_row(*of, change(interval.estimate), ends, *counts)
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


def _table(found: Comparison) -> Table:
    table = empty_table()
    table.add_column("case")
    for label, run in zip(found.labels, found.runs, strict=True):
        table.add_column(escape(f"{label}: {run.machine.name} ({run.machine.backend})"))
    for case, results in found.cases.items():
        cells = (
            _cell(result, changes.get(case))
            for result, changes in zip(results, found.changes, strict=True)
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
