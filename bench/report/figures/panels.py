"""A grid of panels, one for each part of a frame."""

from collections.abc import Callable, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.report.figures.speed import legend
from bench.report.figures.svg import literal


def grid(
    rows: pd.DataFrame, split: Sequence[str], draw: Callable[[Axes, pd.DataFrame], None]
) -> Figure:
    """Two beside each other; `draw` fills one with the rows that agree in `split`, its title."""
    parts = list(rows.groupby(list(split), sort=False))
    lines = -(-len(parts) // 2)
    figure = Figure(figsize=(9, 2.8 * lines + 0.3), layout="constrained")
    axes = figure.subplots(lines, 2, squeeze=False).ravel()
    for ax in axes[len(parts) :]:
        ax.set_axis_off()
    for ax, (names, part) in zip(axes, parts, strict=False):
        draw(ax, part)
        ax.set_title(literal(", ".join(names)), fontsize="small")
        ax.grid(alpha=0.2)
    legend(figure)
    return figure
