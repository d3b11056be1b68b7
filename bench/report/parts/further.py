"""What each further core or device is worth: one problem on several numbers of them."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from bench.judging import precision
from bench.judging.ceilings import of_cores
from bench.records.facts import Ceilings
from bench.records.run import Run
from bench.report.figures import further
from bench.report.section import Section, Table
from bench.report.tables import GROUP
from bench.report.units import digits, percent, plus_minus, seconds

PROBLEM = [name for name in GROUP if name != "on"]
PROSE = """\
{how} `× {fewest}` is how many times as fast the same kernel is as there, visit by visit, for the
turns of one number of {one}s follow those of the other; `of all {one}s` is that over the ratio of
the numbers: 100 % where each further {one} is worth as much as the first. The ceiling is that of
{ceiling}."""


class Resource(NamedTuple):
    """What a run has several numbers of."""

    one: str
    how: str  # a program runs on several
    ceiling: str


CORES = Resource(
    "core",
    "Every program was started on so many cores, and its library with as many threads.",
    "as many cores",
)
DEVICES = Resource(
    "device",
    "Each device has as many rows of the batch as the others, under `jax.shard_map`, and all the "
    "weights, whose gradients are summed over the devices.",
    "one device with its rows",
)


def sections(run: Run, rows: pd.DataFrame) -> Iterator[Section]:
    """Of a run's frame; no section where no kernel was timed on two numbers of either."""
    if rows.empty or (found := compared(run, rows)).empty:
        return
    fewest, of = found.sort_values("count")["on"].iloc[0], _resource(rows)
    columns = {
        "kernel": ("kernel", str),
        f"{of.one}s": ("on", str),
        "time": ("time_s", seconds),
        f"× {fewest}": ("gain", digits),
        "±": ("gain_half_width", plus_minus),
        f"of all {of.one}s": ("worth", percent),
        "ceiling": ("share", percent),
    }
    prose = PROSE.format(fewest=fewest, **of._asdict())
    table = Table(found, columns, split=PROBLEM)
    drawing = further.draw(found, run.suite, of.one)
    title = f"What each further {of.one} is worth"
    yield Section(title, [prose], [drawing], table, suite=run.suite)


def compared(run: Run, rows: pd.DataFrame) -> pd.DataFrame:
    """The timed rows of kernels on several numbers, by problem, kernel and `count`.

    `gain` is the time on the fewest over the row's, with `gain_half_width`, and `worth` the share
    of it that as many could give; NaN on the fewest.
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
    """Of each problem the rows on the most that it was timed on, for pictures of one number.

    With the ceilings of the most cores among them.
    """
    number = counts(run, rows)
    timed = number.where(rows.time_s.notna(), 0)
    problems = [rows[name] for name in PROBLEM]
    most = rows[(number == timed.groupby(problems).transform("max")) | (timed.max() == 0)]
    largest = most.result[number[most.index].idxmax()]
    return most, of_cores(run.ceilings, largest.case.cores)


def counts(run: Run, rows: pd.DataFrame) -> pd.Series:
    """Of the devices that each row's case had; of the cores, where none had several."""
    if _resource(rows) is DEVICES:
        return rows.result.map(lambda result: result.case.devices or 1)
    return rows.result.map(lambda result: result.case.cores or run.machine.cpu.cores)


def _resource(rows: pd.DataFrame) -> Resource:
    several = any(result.case.devices for result in rows.result)
    return DEVICES if several else CORES


def _gain(row: object, first: pd.Series) -> tuple[float, float, float]:
    if row.count == first["count"]:
        return np.nan, np.nan, np.nan
    interval = precision.between(first.result, row.result)
    gain = np.exp(interval.estimate)
    return gain, precision.half_width(interval), gain * first["count"] / row.count
