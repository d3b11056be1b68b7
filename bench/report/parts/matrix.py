"""Which kernel, for what: every problem and kernel at one glance."""

from collections.abc import Iterator
from math import exp

import pandas as pd

from bench.judging import precision
from bench.report.parts.summary import FIELD, PROBLEM, winners
from bench.report.section import Cell, Matrix, Section
from bench.report.units import digits, seconds

SHADES = (1.2, 1.5, 2.0)  # times the fastest, above which a cell is darker
LEVEL, DARKEST = 0, len(SHADES) + 1
PROSE = """\
A row is a problem. The fastest kernel has its time, in bold; every other says how many times as
long it takes, and = that it is level with the fastest. Empty: not timed here."""


def section(rows: pd.DataFrame) -> Section | None:
    """A matrix for every suite, cell, pass and dtype; None where nothing was timed."""
    problems = winners(rows)
    timed = problems[problems.outcome != "none"]
    matrices = [_matrix(key, part, rows) for key, part in timed.groupby(FIELD, sort=False)]
    return Section("Which one, for what", [PROSE], matrices=matrices) if matrices else None


def _matrix(key: tuple[str, ...], problems: pd.DataFrame, rows: pd.DataFrame) -> Matrix:
    """The kernels in order of their first rank: who leads more often stands further left."""
    here = rows.merge(problems[[*PROBLEM, "best", "leaders"]], on=PROBLEM)
    here = here[here.time_s.notna()]
    led = here.assign(
        led=[k in leaders for k, leaders in zip(here.kernel, here.leaders, strict=True)]
    )
    order = led.groupby("kernel", sort=False).led.mean().sort_values(ascending=False, kind="stable")
    names = dict(_rows(here, list(order.index)))
    return Matrix(", ".join(filter(None, key)), "problem", list(order.index), names)


def _rows(here: pd.DataFrame, kernels: list[str]) -> Iterator[tuple[str, list[Cell]]]:
    for _, part in here.groupby(PROBLEM, sort=False):
        results = dict(zip(part.kernel, part.result, strict=True))
        first = part.iloc[0]
        best, leaders = results[first.best], first.leaders
        cells = [_cell(results.get(name), best, name in leaders) for name in kernels]
        words = filter(None, (first.workload, first["scope"], first.structure))
        yield ", ".join(words), cells


def _cell(result: object, best: object, leads: bool) -> Cell:
    if result is None:
        return Cell()
    if result is best:
        return Cell(seconds(exp(precision.time(best).estimate)), strong=True, shade=LEVEL)
    factor = exp(precision.ratio(result, best).estimate)
    return Cell(times_the_fastest(factor, leads), shade=LEVEL if leads else shade(factor))


def times_the_fastest(factor: float, leads: bool) -> str:
    """How many times as long as the fastest a kernel takes; with = where it is level with it."""
    return f"= {digits(factor)}" if leads else digits(factor)


def shade(factor: float) -> int:
    """Of a cell that takes so many times as long as the fastest."""
    return 1 + sum(factor > limit for limit in SHADES)
