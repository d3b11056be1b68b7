"""Result files as data frames: one row a case, every derived number in one place."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from rich import box
from rich.markup import escape
from rich.table import Table

from bench import cost
from bench.formats import FORMATS
from bench.results import CaseResult, Run
from bench.units import digits, mebibytes, seconds, whole

BASELINE = "scan"
GROUP = ["workload", "scope", "pass", "dtype", "activation"]
ON_A_GPU = {"span", "busy", "launches"}
# Heading of a printed column: (column of the frame, how to write it).
COLUMNS = {
    "kernel": ("kernel", str),
    "median": ("median_s", seconds),
    "p20": ("p20_s", seconds),
    "p80": ("p80_s", seconds),
    f"× {BASELINE}": ("speedup", digits),
    "GFLOP/s": ("gflops", digits),
    "per step": ("step_s", seconds),
    "span": ("span_s", seconds),
    "busy": ("busy_s", seconds),
    "launches": ("launches", whole),
    "compile": ("compile_s", seconds),
    "temp MiB": ("temporary_bytes", mebibytes),
    "error": ("error", digits),
    "allowed": ("tolerance", digits),
}


@dataclass(frozen=True)
class Group:
    """A printed table: its title, its cells, and a remark on every case that was not timed."""

    title: str
    cells: pd.DataFrame
    remarks: tuple[str, ...]


def frame(run: Run) -> pd.DataFrame:
    """One row a case, in the order of the run; times in seconds; NaN where nothing was timed.

    `speedup` is the baseline's median over the case's own, both from this run's interleaved turns.
    """
    rows = pd.DataFrame([_row(case) for case in run.cases])
    if rows.empty:
        return rows
    baseline = rows[rows.kernel == BASELINE].set_index(GROUP).median_s
    keys = pd.MultiIndex.from_frame(rows[GROUP])
    rows["speedup"] = baseline.reindex(keys).to_numpy() / rows.median_s
    return rows


def _row(result: CaseResult) -> dict[str, object]:
    case, w = result.case, result.case.workload
    samples = [sample for block in result.samples_s for sample in block] or [np.nan]
    p20, median, p80 = np.quantile(samples, (0.2, 0.5, 0.8))
    need = cost.cost(w, case.scope, case.phase, FORMATS[case.dtype].itemsize)
    reason = f"{result.status.upper()}: {result.reason}" if result.status != "ok" else ""
    row = {"workload": w.name, "T": w.T, "B": w.B, "I": w.I, "H": w.H, "O": w.O}
    row |= {"scope": case.scope, "pass": case.phase, "dtype": case.dtype}
    row |= {"activation": case.activation, "kernel": case.kernel}
    row |= {"status": result.status, "remark": reason}
    row |= {"median_s": median, "p20_s": p20, "p80_s": p80, "step_s": median / max(w.T, 1)}
    row |= {"gflops": need.flops / median / 1e9, "compile_s": _compile_seconds(result)}
    device = vars(result.device) if result.device else {}
    row |= {name: device.get(name, np.nan) for name in ("span_s", "busy_s", "launches")}
    numbers = ("temporary_bytes", "error", "tolerance")
    return row | {name: _or_nan(getattr(result, name)) for name in numbers}


def _compile_seconds(result: CaseResult) -> float:
    return _or_nan(result.lower_s) + _or_nan(result.compile_s)


def _or_nan(value: int | float | None) -> float:
    return np.nan if value is None else float(value)


def groups(run: Run) -> Iterator[Group]:
    """One table for every problem of the run, the fastest kernel first."""
    rows = frame(run)
    if rows.empty:
        return
    for problem, part in rows.groupby(GROUP, sort=False):
        part = part.sort_values("median_s", kind="stable")
        first = part.iloc[0]
        sizes = ", ".join(f"{axis} {first[axis]}" for axis in "TBIHO")
        untimed = part[part.remark != ""]
        yield Group(
            title=f"{', '.join(problem)} ({sizes})",
            cells=_cells(part),
            remarks=tuple(untimed.kernel + ": " + untimed.remark),
        )


def _cells(part: pd.DataFrame) -> pd.DataFrame:
    """The printed columns; the device's only where something ran on one."""
    without = ON_A_GPU if part.span_s.isna().all() else set()
    shown = {head: column for head, column in COLUMNS.items() if head not in without}
    return pd.DataFrame({head: part[name].map(write) for head, (name, write) in shown.items()})


def for_terminal(run: Run) -> Iterator[Table]:
    """The groups as tables to print."""
    for group in groups(run):
        table = Table(
            title=escape(group.title),
            caption=escape("\n".join(group.remarks)),
            title_justify="left",
            caption_justify="left",
            box=box.SIMPLE_HEAD,
            padding=(0, 1, 0, 0),
        )
        for head in group.cells.columns:
            table.add_column(head, justify="left" if head == "kernel" else "right")
        for row in group.cells.itertuples(index=False):
            table.add_row(*map(escape, row))
        yield table
