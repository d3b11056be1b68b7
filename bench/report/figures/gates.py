"""Time over FLOPs, a line for every kernel from one cell to the next."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from bench.report.figures.axes import ticks
from bench.report.figures.panels import grid
from bench.report.figures.speed import file_name, in_order, look
from bench.report.figures.svg import literal, svg
from bench.report.section import Drawing
from bench.report.units import seconds

PANEL = ["workload", "scope", "pass", "dtype"]


def draw(rows: pd.DataFrame, suite: str) -> Drawing:
    """A panel a shape; below its lines the time that the arithmetic ceiling allows."""
    what = f"Time over FLOPs, a line a kernel with a point for each cell, suite {suite}"
    return Drawing(file_name(f"{suite}-gates.svg"), svg(_figure(rows)), what)


def _figure(rows: pd.DataFrame) -> Figure:
    return grid(rows, PANEL, lambda ax, part: _panel(ax, part, rows))


def _panel(ax: Axes, part: pd.DataFrame, every: pd.DataFrame) -> None:
    cells = part.drop_duplicates("cell").sort_values("flops")
    for kernel in in_order(part):
        line = part[part.kernel == kernel]
        ax.plot(line.flops, line.time_s, label=literal(kernel), linewidth=1, **look(every, kernel))
    ax.plot(cells.flops, cells.floor_s, color="black", linewidth=0.8, linestyle="--")
    ax.set(xscale="log", yscale="log", ylabel="time")
    ax.set_xticks(cells.flops, list(cells.cell))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xlabel("FLOPs (dashed: at the arithmetic ceiling)", fontsize="small")
    ax.set_yticks(ticks(*ax.get_ylim()))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: seconds(value)))
