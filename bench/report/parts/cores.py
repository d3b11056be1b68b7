"""What each further core is worth: one problem on several numbers of cores."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from bench.judging import precision
from bench.judging.ceilings import of_cores
from bench.records.facts import Ceilings
from bench.records.run import Run
from bench.report.figures import cores
from bench.report.section import Section, Table
from bench.report.tables import GROUP
from bench.report.units import digits, percent, plus_minus, seconds

PROBLEM = [name for name in GROUP if name != "cores"]
PROSE = """\
Every program was started on so many cores, and its library with as many threads. `× {fewest}` is
how many times as fast the same kernel is as there, visit by visit, for the turns of one number of
cores follow those of the other; `of all cores` is that over the ratio of the numbers: 100 % where
each further core is worth as much as the first. The ceiling is that of as many cores."""


def sections(run: Run, rows: pd.DataFrame) -> Iterator[Section]:
    """Of a run's frame; no section where no kernel was timed on two numbers of cores."""
    if rows.empty or (found := compared(run, rows)).empty:
        return
    fewest = found.sort_values("count").cores.iloc[0]
    columns = {
        "kernel": ("kernel", str),
        "cores": ("cores", str),
        "time": ("time_s", seconds),
        f"× {fewest}": ("gain", digits),
        "±": ("gain_half_width", plus_minus),
        "of all cores": ("worth", percent),
        "ceiling": ("share", percent),
    }
    prose = PROSE.format(fewest=fewest)
    table = Table(found, columns, split=PROBLEM)
    title = f"What each further core is worth in suite {run.suite}"
    yield Section(title, [prose], [cores.draw(found, run.suite)], table)


def compared(run: Run, rows: pd.DataFrame) -> pd.DataFrame:
    """The timed rows of kernels on several numbers of cores, by problem, kernel and `count`.

    `gain` is the time on the fewest over the row's, with `gain_half_width`, and `worth` the share
    of it that as many cores could give; NaN on the fewest.
    """
    every = rows.assign(count=counts(run, rows))
    timed = every[every.time_s.notna()]
    own = [*PROBLEM, "kernel"]
    several = timed[timed.groupby(own)["count"].transform("nunique") > 1]
    if several.empty:
        return several
    order = {"problem": several.groupby(PROBLEM, sort=False).ngroup()}
    order["of"] = several.groupby(own, sort=False).ngroup()
    ordered = several.assign(**order).sort_values(["problem", "of", "count"])
    first = ordered.drop_duplicates("of").set_index("of")
    gains = [_gain(row, first.loc[row.of]) for row in ordered.itertuples()]
    names = ["gain", "gain_half_width", "worth"]
    return ordered.assign(**dict(zip(names, map(list, zip(*gains, strict=True)), strict=True)))


def on_most(run: Run, rows: pd.DataFrame) -> tuple[pd.DataFrame, Ceilings]:
    """The rows on the most cores, which pictures of one number show, and the ceilings of these."""
    number = counts(run, rows)
    most = rows[number == number.max()]
    return most, of_cores(run.ceilings, most.result.iloc[0].case.cores)


def counts(run: Run, rows: pd.DataFrame) -> pd.Series:
    """Of the cores that each row's case had."""
    return rows.result.map(lambda result: result.case.cores or run.machine.cpu.cores)


def _gain(row: object, first: pd.Series) -> tuple[float, float, float]:
    if row.count == first["count"]:
        return np.nan, np.nan, np.nan
    interval = precision.between(first.result, row.result)
    gain = np.exp(interval.estimate)
    return gain, precision.half_width(interval), gain * first["count"] / row.count
