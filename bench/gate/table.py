"""The rows as a table to print."""

from collections.abc import Iterable, Sequence
from math import nan
from statistics import median

from rich.markup import escape
from rich.table import Table

from bench.gate.looks import Row
from bench.report.terminal import empty_table
from bench.report.units import change, changes, seconds

STYLES = {"FASTER": "green", "SAME": "", "AMBIGUOUS": "yellow", "UNTIMED": "dim"}
COLUMNS = ("base", "head", "change", "interval", "margin", "rounds")


def for_terminal(rows: Sequence[Row], title: str) -> Table:
    """One line a case; below it, why a case has no verdict."""
    remarks = [f"{row.item.case}: {row.reason}" for row in rows if row.reason]
    table = empty_table(title, "\n".join(remarks))
    table.add_column("case")
    for head in COLUMNS:
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for row in rows:
        style = STYLES.get(row.outcome, "red")
        table.add_row(escape(str(row.item.case)), *_cells(row), row.outcome, style=style)
    return table


def _cells(row: Row) -> tuple[str, ...]:
    if row.interval is None:
        return ("",) * len(COLUMNS)
    return (
        _median(times.base_s for times in row.rounds),
        _median(times.head_s for times in row.rounds),
        change(row.interval.estimate),
        changes(row.interval.low, row.interval.high),
        f"{100 * row.margin:g} %",
        str(len(row.rounds)),
    )


def _median(rounds: Iterable[float]) -> str:
    """Of all rounds; empty where none was played."""
    return seconds(median([*rounds] or [nan]))
