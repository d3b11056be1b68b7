"""Speed over the number of cores or devices, a line for every kernel."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from bench.report.figures.axes import logarithmic
from bench.report.figures.panels import grid
from bench.report.figures.speed import file_name, in_order, look
from bench.report.figures.svg import literal, svg
from bench.report.section import Drawing

PANEL = ["workload", "scope", "pass", "dtype", "cell"]


def draw(rows: pd.DataFrame, suite: str, one: str) -> Drawing:
    """A panel a problem. `rows` are those of `bench.report.parts.further`; `one` is a core, say."""
    what = f"Speed over {one}s, × the slowest kernel on the fewest, suite {suite}"
    figure = grid(rows, PANEL, lambda ax, part: _panel(ax, part, rows, one))
    return Drawing(file_name(f"{suite}-{one}s.svg"), svg(figure), what)


def _panel(ax: Axes, part: pd.DataFrame, every: pd.DataFrame, one: str) -> None:
    counts = np.sort(part["count"].unique())
    slowest = part.time_s[part["count"] == counts[0]].max()
    for kernel in in_order(part):
        line = part[part.kernel == kernel].sort_values("count")
        speed = slowest / line.time_s
        ax.plot(line["count"], speed, label=literal(kernel), linewidth=1, **look(every, kernel))
    ax.plot(counts, counts / counts[0], color="black", linewidth=0.8, linestyle="--")
    ax.set(xscale="log", yscale="log", ylabel="speed, × slowest")
    ax.set_xlabel(f"{one}s (dashed: in proportion)", fontsize="small")
    ax.set_xticks(counts, [str(count) for count in counts])
    ax.xaxis.set_minor_locator(NullLocator())
    logarithmic(ax, "y")
