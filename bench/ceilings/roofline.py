"""The roofline figure (Williams, Waterman & Patterson, "Roofline", 2009), drawn from one run."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench import cost
from bench.ceilings.model import Ceilings, arithmetic, bandwidth, top
from bench.figures import colours, in_order, legend
from bench.formats import FORMATS
from bench.svg import svg

MARKERS = {"recurrence": "o", "model": "s"}
INTENSITIES = np.geomspace(0.1, 10_000, 100)  # FLOP a byte


def draw(rows: pd.DataFrame, ceilings: Ceilings) -> str | None:
    """An SVG with a panel for every dtype; None where nothing was timed or no ceiling measured."""
    timed = rows[rows.median_s.notna()]
    if timed.empty or not ceilings:
        return None
    panels = list(timed.groupby("dtype", sort=False))
    figure = Figure(figsize=(8, 4.2 * len(panels) + 0.3), layout="constrained")
    axes = figure.subplots(len(panels), 1, squeeze=False)[:, 0]
    for ax, (dtype, part) in zip(axes, panels, strict=True):
        _roofs(ax, ceilings, dtype)
        _cases(ax, part, colours(rows))
        ax.set(xscale="log", yscale="log", title=dtype, ylabel="GFLOP/s")
        ax.set_xlabel("FLOP for each byte of arguments and results (o recurrence, □ model)")
        ax.grid(which="both", alpha=0.2)
    legend(figure)
    return svg(figure)


def _roofs(ax: Axes, ceilings: Ceilings, dtype: str) -> None:
    """The arithmetic ceiling, met by the fastest bandwidth (in caches) and by the slowest."""
    peak = top(arithmetic(ceilings, dtype)).best
    every = bandwidth(ceilings, 0)
    slowest = max(every, key=lambda ceiling: ceiling.footprint)
    for ceiling, style, where in ((top(every), "--", "caches"), (slowest, "-", "memory")):
        roof = np.minimum(peak, INTENSITIES * ceiling.best) / 1e9
        ax.plot(INTENSITIES, roof, color="black", linewidth=0.8, linestyle=style)
        ax.annotate(where, (INTENSITIES[0], roof[0]), fontsize="small", va="bottom")


def _cases(ax: Axes, part: pd.DataFrame, colour_of: dict[str, str]) -> None:
    for kernel in in_order(part):
        for scope, marker in MARKERS.items():
            points = part[(part.kernel == kernel) & (part.scope == scope)]
            label = {"label": kernel} if scope == points.scope.head(1).squeeze() else {}
            style = {"s": 14, "marker": marker, "color": colour_of[kernel], "alpha": 0.7}
            ax.scatter(points.intensity, points.gflops, **style, **label)
