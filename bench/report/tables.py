"""Result files as data frames: one row a case, every derived number in one place."""

from collections.abc import Callable, Iterator, Sequence
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
from bench.judging.verdicts import Interval
from bench.records.facts import Ceilings
from bench.records.run import CaseResult, Run
from bench.report.section import Table
from bench.report.terminal import empty_table
from bench.report.units import digits, integer, mebibytes, percent, plus_minus, seconds

STRUCTURE = ["layers", "directions", "lengths"]  # of a workload, beside its sizes
GROUP = ["workload", "scope", "pass", "dtype", "cell", "on"]
CORRECT = ("ok", "emulated")
ON_A_GPU = {"span", "busy", "launches"}
# A terminal has 80 columns.
IN_REPORTS_ONLY = {"p20", "p80", "GFLOP/s", "nearest", "per step", "busy", "temp MiB"}
IN_REPORTS_ONLY |= {"error", "allowed", "variant"}
# Heading of a printed column: (column of the frame, how to write it).
COLUMNS = {
    "kernel": ("kernel", str),
    "time": ("time_s", seconds),
    "±": ("half_width", plus_minus),
    f"× {BASELINE}": ("speedup", digits),
    "± of ×": ("speedup_half_width", plus_minus),
    "check": ("check", str),
    "p20": ("p20_s", seconds),
    "p80": ("p80_s", seconds),
    "GFLOP/s": ("gflops", digits),
    "ceiling": ("share", percent),
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
MAIN = ("kernel", "time", "±", f"× {BASELINE}", "± of ×", "check")


def frame(run: Run) -> pd.DataFrame:
    """One row a case, in the order of the run; times in seconds; NaN where nothing was timed.

    `time_s` with `low_s` and `high_s`, the ends of its interval; `speedup` over the baseline with
    its own ends, from turns beside each other (`bench.judging.precision`). `share` is the time that
    the nearest ceiling needs over the case's; `impossible` says that even its slowest visit
    is faster, by more than the ceiling's own spread. `result` is the case's `CaseResult`, and
    `baseline` that of its problem's baseline, None where either was not timed. `on` says on
    how many cores or devices; "" in a run that has all cores, or one device, throughout. `flops`
    and what is made of them are one device's.
    """
    baselines = {
        result.case.group: result
        for result in run.cases
        if result.case.kernel == BASELINE and result.visits
    }
    rows = pd.DataFrame(
        [
            _row(result, run.ceilings) | _speedup(result, baselines.get(result.case.group))
            for result in run.cases
        ]
    )
    if len(rows) and (rows["on"] != "").any():
        rows["on"] = rows["on"].replace("", usual(run))
    return rows


def usual(run: Run) -> str:
    """What a case runs on that does not say."""
    divided = any(result.case.devices for result in run.cases)
    return "1 device" if divided or run.machine.backend == "gpu" else run.machine.cpu.in_use


def filled(rows: pd.DataFrame, names: Sequence[str]) -> dict[str, tuple[str, Callable[[Any], str]]]:
    """Columns of text for those of the names that any row has something under; of no rows, all."""
    return {name: (name, str) for name in names if rows.empty or (rows[name] != "").any()}


def _speedup(result: CaseResult, baseline: CaseResult | None) -> dict[str, object]:
    names = ("speedup", "speedup_low", "speedup_high", "speedup_half_width")
    if not result.visits or baseline is None:
        return {**dict.fromkeys(names, np.nan), "baseline": None}
    interval = precision.ratio(baseline, result)
    half_width = np.nan if result is baseline else precision.half_width(interval)
    values = (np.exp(interval.estimate), *precision.ends(interval), half_width)
    return {**dict(zip(names, values, strict=True)), "baseline": baseline}


def _row(result: CaseResult, ceilings: Ceilings) -> dict[str, object]:
    case, w = result.case, result.case.workload
    p20, p80 = np.quantile(result.samples_s or [np.nan], (0.2, 0.8))
    interval = precision.time(result)
    time, (low, high) = np.exp(interval.estimate), precision.ends(interval)
    cost_key = (case.share, case.cell, case.scope, case.phase, FORMATS[case.dtype].itemsize)
    need, moved = cost.cost(*cost_key), cost.compulsory_bytes(*cost_key)
    row = names(case)
    row |= {"status": result.status, "reason": result.reason, "variant": result.variant}
    row |= {"result": result, **_trust(result, interval, nearest(ceilings, case))}
    row |= {"time_s": time, "low_s": low, "high_s": high, "p20_s": p20, "p80_s": p80}
    row |= {"step_s": time / max(w.T, 1)}
    row |= {"flops": need.flops, "gflops": need.flops / time / 1e9, "intensity": need.flops / moved}
    row |= {"compile_s": _compile_seconds(result)}
    device = vars(result.device) if result.device else {}
    row |= {name: device.get(name, np.nan) for name in ("span_s", "busy_s", "launches")}
    numbers = ("temporary_bytes", "error", "tolerance")
    return row | {name: _or_nan(getattr(result, name)) for name in numbers}


def names(case: Case) -> dict[str, object]:
    """The columns by which a case is known."""
    w = case.workload
    row = {"workload": w.name, "T": w.T, "B": w.B, "I": w.I, "H": w.H, "O": w.O}
    row |= {"layers": w.layers, "directions": w.ways, "lengths": w.lengths, "padding": w.padding}
    row |= {"structure": w.structure}
    row |= {"scope": case.scope, "pass": case.phase, "dtype": case.dtype}
    return row | {"cell": case.cell, "on": case.where, "kernel": case.kernel}


def _trust(result: CaseResult, time: Interval, ceiling: Nearest | None) -> dict[str, object]:
    """How reliable a time is: its interval, its share of a ceiling, and all doubts."""
    if not result.visits:
        loud = result.status.upper() if result.status in ("wrong", "failed") else result.status
        nothing = {"half_width": np.nan, "share": np.nan, "ceiling": "", "impossible": False}
        return {**nothing, "doubt": "", "check": loud}
    doubts, slowest = list(precision.unstable(result)), max(map(precision.seconds, result.visits))
    share = ceiling.seconds / np.exp(time.estimate) if ceiling else np.nan
    impossible = bool(ceiling and ceiling.seconds > (1 + ceiling.spread) * slowest)
    if impossible:
        doubts.append(f"{percent(share)} of what the {ceiling.name} ceiling allows")
    return {
        "half_width": precision.half_width(time),
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
    """Every case of a run's frame, those of a problem in order of their times.

    The device's columns are there only where something ran on one, variants where there are some.
    """
    problem = rows.groupby(GROUP, sort=False).ngroup()
    ordered = rows.assign(problem=problem).sort_values(["problem", "time_s"], kind="stable")
    without = set() if rows.variant.any() else {"variant"}
    without |= ON_A_GPU if rows.span_s.isna().all() else set()
    return Table(ordered, COLUMNS, split=GROUP, main=MAIN).without(*without)


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
    words = [str(first[name]) for name in names if first[name] != ""]
    if "workload" in names:
        sizes = ", ".join(f"{axis} {first[axis]}" for axis in "TBIHO")
        sizes += f", {first.structure}" if first.structure else ""
        words[names.index("workload")] += f" ({sizes})"
    return ", ".join(words)


def _remark(row: Any) -> str:
    """What there is to say of a row beside its numbers, or nothing."""
    variant = f"written as {row.variant}" if row.variant else ""
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
