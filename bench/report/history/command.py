"""The command itself: the steps that were found, the largest first, and a page of all series."""

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bench.cases.case import BASELINE, Wanted
from bench.records import store
from bench.records.store import ResultError
from bench.report.history import collect, findings, page, series
from bench.report.history.collect import Entry
from bench.report.history.findings import Finding
from bench.report.terminal import empty_table
from bench.report.units import change, changes

PAGES = store.root(publish=False) / "history"  # where the newest history's pages are


def main(machine: str, suite: str | None, wanted: Wanted, console: Console) -> int:
    """Print the steps, and write all series as a page. Returns 0: a step may be meant.

    `machine` is the folder of its results. Raises ResultError if there is nothing to show.
    """
    history = collect.load(machine, suite)
    every = series.every(history.entries)
    shown = [each for each in every if wanted.includes(each.case)]
    if not shown:
        raise ResultError(f"no run of suite {history.suite} here has timed such a case")
    # A step of the baseline explains those of ratios to it, whether it is shown or not.
    found = [each for each in findings.all_of(every) if wanted.includes(each.series.case)]
    if found:
        console.print(_table(history.entries, found))
    console.print(*page.in_words(history, shown, found), sep="\n", markup=False)
    console.print(f"Page: {page.write(PAGES, history, shown, found)}", markup=False)
    return 0


def _table(entries: Sequence[Entry], found: Sequence[Finding]) -> Table:
    table = empty_table()
    for name in ("case", "change", "95 % interval", "commit", "subject"):
        table.add_column(name)
    for each in found:
        of = f" × {BASELINE}" if each.series.by_ratio else ""
        size = f"{change(each.interval.estimate)}{of}"
        ends = changes(each.interval.low, each.interval.high)
        case, commit = str(each.series.case), page.named(entries, each)
        table.add_row(*map(escape, (case, size, ends, commit, entries[each.at].subject)))
    return table
