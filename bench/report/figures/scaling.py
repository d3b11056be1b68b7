"""Time against the number of steps: what a call costs at all, and what every step adds.

A straight line, its relative residuals the least in squares, because noise is relative and T spans
decades. Intervals are Student's t, on as many degrees of freedom as there are T beyond two, so
they also cover what is not straight: few T give wide ones, honestly.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy import optimize, stats

from bench.judging.precision import CONFIDENCE
from bench.records.run import Run
from bench.report.section import Section, Table
from bench.report.tables import GROUP, STRUCTURE, filled, frame
from bench.report.units import percent, seconds

FEWEST = 3  # different T: through two, every line is perfect
SHOWN = ["kernel", *(name for name in GROUP if name != "workload"), "B", "I", "H", "O"]
FIT_KEYS = [*SHOWN, *STRUCTURE]
COLUMNS = {
    "fixed": ("fixed_s", seconds),
    "fixed, 95 %": ("fixed", str),
    "a step": ("step_s", seconds),
    "a step, 95 %": ("step", str),
    "largest misfit": ("misfit", percent),
}
MAIN = ("kernel", "scope", "pass", "dtype", "cell", "B", "H", "fixed", "a step", "largest misfit")
PROSE = """\
A straight line through the times of one kernel on problems that differ in T alone: what a call
costs at all, and what every further step adds."""


def sections(run: Run) -> list[Section]:
    """The table of all fits; no section where no problem has enough T."""
    found = fits(frame(run))
    if found.empty:
        return []
    table = Table(found, filled(found, SHOWN) | COLUMNS, main=MAIN)
    return [Section("Time against T", [PROSE], table=table, suite=run.suite)]


def fits(rows: pd.DataFrame) -> pd.DataFrame:
    """One row for every kernel and problem that was timed at three T or more; empty without.

    `fixed_s` and `step_s` with the ends of their intervals, in seconds; `misfit` is the largest
    relative distance of a time from the line.
    """
    timed = rows[rows.time_s.notna()]
    return pd.DataFrame(_fits(timed))


def _fits(timed: pd.DataFrame) -> Iterator[dict[str, object]]:
    for keys, part in timed.groupby(FIT_KEYS, sort=False):
        if part["T"].nunique() >= FEWEST:
            found = fit(part["T"].to_numpy(float), part.time_s.to_numpy(float))
            yield dict(zip(FIT_KEYS, keys, strict=True)) | {"points": len(part)} | found


def fit(steps: Float[np.ndarray, "N"], times: Float[np.ndarray, "N"]) -> dict[str, float | str]:
    """fixed + step * T through N > 2 points, in seconds, with intervals."""
    line, covariance = optimize.curve_fit(_line, steps, times, sigma=times)
    reach = stats.t.ppf((1 + CONFIDENCE) / 2, len(steps) - 2) * np.sqrt(np.diag(covariance))
    found = {"misfit": float(np.max(np.abs(_line(steps, *line) / times - 1)))}
    for name, value, half in zip(("fixed", "step"), line, reach, strict=True):
        low, high = value - half, value + half
        found |= {f"{name}_s": float(value), f"{name}_low_s": low, f"{name}_high_s": high}
        found |= {name: f"{seconds(low)} to {seconds(high)}"}
    return found


def _line(steps: Float[np.ndarray, "N"], fixed: float, step: float) -> Float[np.ndarray, "N"]:
    return fixed + step * steps
