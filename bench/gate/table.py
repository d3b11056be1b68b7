"""The rows of a comparison as tables to print, one for every problem."""

from collections.abc import Iterable, Iterator, Sequence
from math import nan
from statistics import median
from typing import Any

import pandas as pd
from rich.table import Table as Printed

from bench.gate.looks import Row
from bench.report import tables
from bench.report.pages.markup import listed, plain
from bench.report.section import Section, Table
from bench.report.units import change, changes, seconds

STYLES = {"FASTER": "green", "SAME": "", "AMBIGUOUS": "yellow", "UNTIMED": "dim"}
COLUMNS = {
    "kernel": ("kernel", str),
    "base": ("base_s", seconds),
    "head": ("head_s", seconds),
    "change": ("change", str),
    "interval": ("interval", str),
    "margin": ("margin", str),
    "rounds": ("rounds", str),
    "verdict": ("verdict", str),
}


def for_terminal(rows: Sequence[Row]) -> Iterator[str | Printed]:
    """One line a case, which fits 80 columns; below its table, why a case has no verdict."""
    if not rows:  # interrupted before the first look
        return
    frame = pd.DataFrame(map(_row, rows))
    table = Table(frame, COLUMNS)
    if frame.margin.nunique() == 1:
        table = table.without("margin")
        yield f"Margin: {frame.margin[0]}"
    yield from tables.by_problem(table, _remark)


def sections(rows: Sequence[Row]) -> list[Section]:
    """The same as a part of a page; none before the first look."""
    if not rows:
        return []
    frame = pd.DataFrame(map(_row, rows))
    columns = tables.filled(frame, tables.GROUP) | COLUMNS
    untimed = [plain(remark) for row in frame.itertuples() if (remark := _remark(row))]
    return [Section("Verdicts", [listed(untimed)] if untimed else [], table=Table(frame, columns))]


def _row(row: Row) -> dict[str, object]:
    measured = dict.fromkeys(("change", "interval", "rounds"), "")
    if row.interval:
        measured = {
            "change": change(row.interval.estimate),
            "interval": changes(row.interval.low, row.interval.high),
            "rounds": str(len(row.rounds)),
        }
    return {
        **tables.names(row.item.case),
        **measured,
        "base_s": _median(times.base_s for times in row.rounds),
        "head_s": _median(times.head_s for times in row.rounds),
        "margin": f"{100 * row.margin:g} %",
        "verdict": str(row.outcome),
        "style": STYLES.get(row.outcome, "red"),
        "reason": row.reason,
    }


def _median(rounds: Iterable[float]) -> float:
    """Of all rounds; NaN where none was played."""
    return median([*rounds] or [nan])


def _remark(row: Any) -> str:
    return f"{row.kernel}: {row.reason}" if row.reason else ""
