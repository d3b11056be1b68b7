"""The roofline figure (Williams, Waterman & Patterson, "Roofline", 2009), drawn from one run."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.judging.ceilings import arithmetic, bandwidth, top
from bench.records.facts import Ceilings
from bench.report.figures.axes import logarithmic
from bench.report.figures.speed import by_cell, in_order, legend, look
from bench.report.figures.svg import svg
from bench.report.section import Drawing
from bench.report.units import digits

INTENSITIES = np.geomspace(0.1, 10_000, 100)  # FLOP a byte


def draw(rows: pd.DataFrame, ceilings: Ceilings, suite: str) -> Iterator[Drawing]:
    """A figure a cell, a panel a dtype; nothing where nothing was timed or a roof is missing."""
    roofs = [arithmetic(ceilings, dtype) for dtype in rows["dtype"][rows.time_s.notna()].unique()]
    if not all([*roofs, bandwidth(ceilings, 0)]):
        return
    for where, name, timed in by_cell(rows, suite):
        what = (
            "Roofline: speed of every case over its arithmetic for each byte, below the ceilings, "
            f"{where}"
        )
        yield Drawing(name("roofline"), svg(_figure(timed, ceilings)), what)


def _figure(timed: pd.DataFrame, ceilings: Ceilings) -> Figure:
    panels = list(timed.groupby("dtype", sort=False))
    figure = Figure(figsize=(8, 4.2 * len(panels) + 0.3), layout="constrained")
    axes = figure.subplots(len(panels), 1, squeeze=False)[:, 0]
    for ax, (dtype, part) in zip(axes, panels, strict=True):
        _roofs(ax, ceilings, dtype)
        _cases(ax, part, timed)
        title = f"{dtype}: at most {digits(top(arithmetic(ceilings, dtype)).best / 1e9)} GFLOP/s"
        ax.set(xscale="log", yscale="log", title=title, ylabel="GFLOP/s")
        ax.set_xlabel("FLOP for each byte of arguments and results")
        ax.grid(which="both", alpha=0.2)
        logarithmic(ax, "x", "y")
    legend(figure)
    return figure


def _roofs(ax: Axes, ceilings: Ceilings, dtype: str) -> None:
    """The arithmetic ceiling, met by the fastest bandwidth (in caches) and by the slowest."""
    peak = top(arithmetic(ceilings, dtype)).best
    every = bandwidth(ceilings, 0)
    slowest = max(every, key=lambda ceiling: ceiling.footprint)
    for ceiling, line, where in ((top(every), "--", "caches"), (slowest, "-", "memory")):
        roof = np.minimum(peak, INTENSITIES * ceiling.best) / 1e9
        ax.plot(INTENSITIES, roof, color="black", linewidth=0.8, linestyle=line)
        beside = {"xytext": (6, -2), "textcoords": "offset points", "va": "top"}
        ax.annotate(where, (INTENSITIES[0], roof[0]), fontsize="small", **beside)


def _cases(ax: Axes, part: pd.DataFrame, every: pd.DataFrame) -> None:
    for kernel in in_order(part):
        points = part[part.kernel == kernel]
        ax.plot(
            points.intensity,
            points.gflops,
            linestyle="",
            alpha=0.7,
            label=kernel,
            **look(every, kernel),
        )
