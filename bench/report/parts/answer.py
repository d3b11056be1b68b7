"""What a run says in a few lines, last on a terminal: who is fastest, and what not to rely on."""

from collections.abc import Iterator

import pandas as pd

from bench.cases.case import BASELINE
from bench.records.run import Run
from bench.report import tables
from bench.report.parts.summary import FIELD, scoreboard, winners
from bench.report.units import digits


def lines(run: Run) -> Iterator[str]:
    """A sentence a cell, pass and dtype, then a line a case that is wrong, failed or in doubt."""
    rows = tables.frame(run)
    if rows.empty:
        return
    rows = rows.assign(suite=run.suite)
    problems = winners(rows)
    scores = scoreboard(rows, problems)
    contested = problems[problems.outcome.isin(["won", "tied"])].groupby(FIELD).size()
    for field, part in scores[scores.timed > 0].groupby(FIELD, sort=False):
        yield _sentence(part.iloc[0], int(contested.get(field, 0)))
    for row in rows[rows.status.isin(["wrong", "failed"])].itertuples():
        yield f"{row.status.upper()}: {row.result.case}: {row.reason}"
    for row in rows[rows.doubt != ""].itertuples():
        yield f"In doubt: {row.result.case}: {row.doubt}"


def _sentence(best: pd.Series, contested: int) -> str:
    """Of the best kernel, which comes first among the scores, over problems with two at least."""
    names = best["cell"], best["pass"], best["dtype"], best["on"]
    field = ", ".join(filter(None, names))
    if not contested:
        return f"{field}: only one kernel was timed"
    tied = f" and ties in {best.tied}" if best.tied else ""
    return f"{field}: {best.kernel} is fastest in {best.won} of {contested}{tied}{_gain(best)}"


def _gain(best: pd.Series) -> str:
    if best.kernel == BASELINE or pd.isna(best["mean"]):
        return ""
    ends = f"{digits(best.mean_low)} to {digits(best.mean_high)}"
    known = f" ({ends})" if pd.notna(best.mean_half_width) and best.mean_low > 0 else ""
    return f"; over all {digits(best['mean'])} times as fast as {BASELINE}{known}"
