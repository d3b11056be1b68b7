"""What a gate costs: one shape with several cells, their times against their FLOPs."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from bench.cases.case import CELLS
from bench.judging.ceilings import arithmetic, top
from bench.records.facts import Ceilings
from bench.records.run import Run
from bench.report.figures import gates
from bench.report.parts import further
from bench.report.section import Section, Table
from bench.report.tables import GROUP
from bench.report.units import digits, percent, seconds

SHAPE = [name for name in GROUP if name != "cell"]  # what the cells have in common
PROSE = """\
Problems that differ in the cell alone. A gated cell does more arithmetic in as many dependent
steps: where `time, × {base}` is below `FLOPs, × {base}`, a kernel has made something of the wider
products. Both are over those of {base} by the same kernel, and the times are not from turns beside
each other, so that the hour moves a ratio by some percent. `of ceiling` is the share of the
arithmetic ceiling: 100 % would be products alone, as fast as the fastest one measured here."""


def sections(run: Run, rows: pd.DataFrame) -> Iterator[Section]:
    """Of a run's frame; no section where no kernel was timed with two cells at one shape."""
    if rows.empty:
        return
    found = compared(*further.on_most(run, rows))
    if found.empty:
        return
    base = CELLS[found.place.min()]
    columns = {
        "kernel": ("kernel", str),
        "cell": ("cell", str),
        "time": ("time_s", seconds),
        f"FLOPs, × {base}": ("flops_ratio", digits),
        f"time, × {base}": ("time_ratio", digits),
        "of ceiling": ("of_ceiling", percent),
    }
    table = Table(found, columns, split=SHAPE)
    drawing = gates.draw(found, run.suite)
    prose = PROSE.format(base=base)
    yield Section("What a gate costs", [prose], [drawing], table, suite=run.suite)


def compared(rows: pd.DataFrame, ceilings: Ceilings) -> pd.DataFrame:
    """The timed rows of kernels with several cells at a shape, by shape, kernel and cell.

    With the arithmetic ceiling's `floor_s` and the share of it, and the ratios of FLOPs and time to
    the run's simplest cell; NaN where there is no ceiling, or the kernel was not timed with that.
    """
    timed = rows[rows.time_s.notna() & rows.cell.isin(CELLS)]
    own = [*SHAPE, "kernel"]
    several = timed[timed.groupby(own).cell.transform("nunique") > 1]
    if several.empty:
        return several
    order = {"shape": several.groupby(SHAPE, sort=False).ngroup(), "place": _place(several.cell)}
    kernels = several.groupby(own, sort=False).ngroup()
    ordered = several.assign(**order, of=kernels).sort_values(["shape", "of", "place"])
    first = ordered[ordered.place == ordered.place.min()].set_index(own)
    base = first[["flops", "time_s"]].reindex(pd.MultiIndex.from_frame(ordered[own]))
    floor = ordered.flops / ordered["dtype"].map(lambda dtype: _peak(ceilings, dtype))
    return ordered.assign(
        flops_ratio=ordered.flops.to_numpy() / base.flops.to_numpy(),
        time_ratio=ordered.time_s.to_numpy() / base.time_s.to_numpy(),
        floor_s=floor,
        of_ceiling=floor / ordered.time_s,
    )


def _place(cells: pd.Series) -> pd.Series:
    """In the order of CELLS, the simplest first."""
    return cells.map(CELLS.index)


def _peak(ceilings: Ceilings, dtype: str) -> float:
    """FLOP/s."""
    family = arithmetic(ceilings, dtype)
    return top(family).best if family else np.nan
