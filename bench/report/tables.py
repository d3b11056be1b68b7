"""Result files as data frames: one row a case, every derived number in one place."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from rich.markup import escape
from rich.table import Table as Printed

from bench.cases import cost
from bench.cases.case import BASELINE, Case
from bench.cases.dtypes import FORMATS
from bench.judging import precision
from bench.judging.ceilings import Nearest, nearest
from bench.records.facts import Ceilings
from bench.records.run import CaseResult, Run
from bench.report.section import Table
from bench.report.terminal import empty_table
from bench.report.units import digits, integer, mebibytes, percent, plus_minus, seconds

GROUP = ["workload", "scope", "pass", "dtype", "activation"]
CORRECT = ("ok", "emulated")
RANGE = ["p20_s", "p80_s"]  # two medians are level where these ranges overlap
ON_A_GPU = {"span", "busy", "launches"}
# A terminal has 80 columns.
IN_REPORTS_ONLY = {"p20", "p80", "GFLOP/s", "nearest", "per step", "busy", "temp MiB"}
IN_REPORTS_ONLY |= {"error", "allowed", "variant"}
# Heading of a printed column: (column of the frame, how to write it).
COLUMNS = {
    "kernel": ("kernel", str),
    "median": ("median_s", seconds),
    "±": ("half_width", plus_minus),
    f"× {BASELINE}": ("speedup", digits),
    "check": ("check", str),
    "p20": ("p20_s", seconds),
    "p80": ("p80_s", seconds),
    "GFLOP/s": ("gflops", digits),
    "of ceiling": ("share", percent),
    "nearest": ("ceiling", str),
    "per step": ("step_s", seconds),
    "span": ("span_s", seconds),
    "busy": ("busy_s", seconds),
    "launches": ("launches", integer),
    "compile": ("compile_s", seconds),
    "temp MiB": ("temporary_bytes", mebibytes),
    "error": ("error", digits),
    "allowed": ("tolerance", digits),
    "variant": ("variant", str),
}


def frame(run: Run) -> pd.DataFrame:
    """One row a case, in the order of the run; times in seconds; NaN where nothing was timed.

    `speedup` is the baseline's median over the case's own, both from this run's interleaved turns.
    `share` is the time that the nearest ceiling needs over the median; `impossible` says that
    even the slow end of the case's interval is faster, by more than the ceiling's own spread.
    """
    rows = pd.DataFrame([_row(case, run.ceilings) for case in run.cases])
    if rows.empty:
        return rows
    baseline = rows[rows.kernel == BASELINE].set_index(GROUP).median_s
    keys = pd.MultiIndex.from_frame(rows[GROUP])
    rows["speedup"] = baseline.reindex(keys).to_numpy() / rows.median_s
    return rows


def _row(result: CaseResult, ceilings: Ceilings) -> dict[str, object]:
    case, w = result.case, result.case.workload
    samples = [sample for block in result.samples_s for sample in block] or [np.nan]
    p20, median, p80 = np.quantile(samples, (0.2, 0.5, 0.8))
    cost_key = (w, case.scope, case.phase, FORMATS[case.dtype].itemsize)
    need, moved = cost.cost(*cost_key), cost.compulsory_bytes(*cost_key)
    row = names(case)
    row |= {"status": result.status, "reason": result.reason, "variant": result.variant}
    row |= _trust(result, median, nearest(ceilings, case))
    row |= {"median_s": median, "p20_s": p20, "p80_s": p80, "step_s": median / max(w.T, 1)}
    row |= {"gflops": need.flops / median / 1e9, "intensity": need.flops / moved}
    row |= {"compile_s": _compile_seconds(result)}
    device = vars(result.device) if result.device else {}
    row |= {name: device.get(name, np.nan) for name in ("span_s", "busy_s", "launches")}
    numbers = ("temporary_bytes", "error", "tolerance")
    return row | {name: _or_nan(getattr(result, name)) for name in numbers}


def names(case: Case) -> dict[str, object]:
    """The columns by which a case is known."""
    w = case.workload
    row = {"workload": w.name, "T": w.T, "B": w.B, "I": w.I, "H": w.H, "O": w.O}
    row |= {"scope": case.scope, "pass": case.phase, "dtype": case.dtype}
    return row | {"activation": case.activation, "kernel": case.kernel}


def _trust(result: CaseResult, median: float, ceiling: Nearest | None) -> dict[str, object]:
    """How far a time is to be relied upon: its interval, its share of a ceiling, and all doubts."""
    if not result.samples_s:
        loud = result.status.upper() if result.status in ("wrong", "failed") else result.status
        nothing = {"half_width": np.nan, "share": np.nan, "ceiling": "", "impossible": False}
        return {**nothing, "doubt": "", "check": loud}
    low, high = result.interval_s or (median, median)
    doubts = list(precision.unstable(result))
    share = ceiling.seconds / median if ceiling else np.nan
    impossible = bool(ceiling and ceiling.seconds > (1 + ceiling.spread) * max(median, high))
    if impossible:
        doubts.append(f"{percent(share)} of what the {ceiling.name} ceiling allows")
    return {
        "half_width": precision.half_width(low, high),
        "share": share,
        "ceiling": ceiling.name if ceiling else "",
        "impossible": impossible,
        "doubt": "; ".join(doubts),
        "check": "IMPOSSIBLE" if impossible else "unstable" if doubts else "ok",
    }


def _compile_seconds(result: CaseResult) -> float:
    return _or_nan(result.lower_s) + _or_nan(result.compile_s)


def _or_nan(value: int | float | None) -> float:
    return np.nan if value is None else float(value)


def cases(rows: pd.DataFrame) -> Table:
    """Every case of a run's frame, the fastest kernel of every problem first.

    The device's columns are there only where something ran on one, variants where there are some.
    """
    problem = rows.groupby(GROUP, sort=False).ngroup()
    ordered = rows.assign(problem=problem).sort_values(["problem", "median_s"], kind="stable")
    without = set() if rows.variant.any() else {"variant"}
    without |= ON_A_GPU if rows.span_s.isna().all() else set()
    return Table(ordered, COLUMNS, split=GROUP).without(*without)


def for_terminal(run: Run) -> Iterator[str | Printed]:
    """Why a kernel was timed nowhere, then a table for every problem.

    Below each table is a remark on every case that was not timed, or is in doubt.
    """
    rows = frame(run)
    if rows.empty:
        return
    always = _always(rows)
    yield from (f"{kernel}: {reason}" for kernel, reason in always.items())
    every = cases(rows.assign(reason=rows.reason.where(~rows.kernel.isin(always), "")))
    yield from by_problem(every.without(*IN_REPORTS_ONLY), _remark)


def by_problem(table: Table, remark: Callable[[Any], str]) -> Iterator[str | Printed]:
    """What all problems share, then a table to print for each; below it its rows' remarks."""
    shared = [name for name in GROUP if table.rows[name].nunique() == 1]
    if words := _described(table.rows, shared):
        yield f"\nAll cases: {words}"
    varying = [name for name in GROUP if name not in shared]
    for _, part in replace(table, split=varying).parts():
        remarks = filter(None, map(remark, part.rows.itertuples()))
        yield terminal_table(part, _described(part.rows, varying), "\n".join(remarks))


def _always(rows: pd.DataFrame) -> dict[str, str]:
    """Why a kernel has no time in any of several problems, where the reason is the same."""
    reasons = rows.groupby("kernel", sort=False).reason.agg(["nunique", "count", "first"])
    same = reasons[(reasons["nunique"] == 1) & (reasons["count"] > 1) & (reasons["first"] != "")]
    return same["first"].to_dict()


def _described(rows: pd.DataFrame, names: list[str]) -> str:
    """The values of these columns in the first row, a workload's with its sizes."""
    first = rows.iloc[0]
    words = [str(first[name]) for name in names]
    if "workload" in names:
        sizes = ", ".join(f"{axis} {first[axis]}" for axis in "TBIHO")
        words[names.index("workload")] += f" ({sizes})"
    return ", ".join(words)


def _remark(row: Any) -> str:
    """What there is to say of a row beside its numbers, or nothing."""
    variant = f"fastest as {row.variant}" if row.variant else ""
    said = "; ".join(filter(None, (variant, row.reason, row.doubt)))
    return f"{row.kernel}: {said}" if said else ""


def terminal_table(part: Table, title: str, caption: str) -> Printed:
    """A table as the terminal shows it; a column `style` of its rows is how to colour each."""
    table = empty_table(title, caption)
    for head in part.columns:
        table.add_column(head, justify="right" if part.is_numeric(head) else "left")
    styles = part.rows.get("style", [""] * len(part.rows))
    for row, style in zip(part.cells.itertuples(index=False), styles, strict=True):
        table.add_row(*map(escape, row), style=style)
    return table
