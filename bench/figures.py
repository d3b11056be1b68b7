"""The figures of a report, drawn from one run's data frame alone."""

from collections.abc import Iterator, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.svg import svg
from bench.tables import BASELINE

SWEEPS = {"T": "time steps T", "H": "hidden size H"}
PANEL = ["scope", "pass", "dtype", "activation"]


def draw(rows: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """A name and the SVG for every figure that the run's timed cases allow."""
    timed = rows[rows.median_s.notna()]
    if timed.empty:
        return
    if (timed.kernel != BASELINE).any():
        yield "speedup", svg(_speedups(timed))
    for axis in SWEEPS:
        swept = _longest_sweep(timed, axis)
        if swept[axis].nunique() > 1:
            yield f"time-{axis}", svg(_sweep(swept, axis))


def _speedups(rows: pd.DataFrame) -> Figure:
    panels = list(rows.groupby(PANEL, sort=False))
    heights = [len(part) * 0.18 + 0.9 for _, part in panels]
    figure = Figure(figsize=(8, sum(heights)), layout="constrained")
    axes = figure.subplots(len(panels), 1, squeeze=False, height_ratios=heights)[:, 0]
    for ax, (panel, part) in zip(axes, panels, strict=True):
        wide = part.pivot(index="workload", columns="kernel", values="speedup")
        wide = wide.reindex(index=part.workload.unique()[::-1], columns=_in_order(rows)[::-1])
        wide.plot.barh(ax=ax, width=0.8, color=_colours(rows), legend=False)
        ax.axvline(1, color="black", linewidth=0.8)
        ax.set(title=", ".join(panel), xlabel=f"speed-up over {BASELINE}", ylabel="")
    _legend(axes[0], reverse=True)
    return figure


def _longest_sweep(rows: pd.DataFrame, axis: str) -> pd.DataFrame:
    """The rows of those workloads that differ in this axis alone, most numerous first."""
    others = [other for other in "TBIHO" if other != axis]
    sizes = rows.groupby(others)[axis].transform("nunique")
    candidates = rows[sizes == sizes.max()]
    first = candidates.iloc[0][others]
    return candidates[(candidates[others] == first).all(axis=1)]


def _sweep(rows: pd.DataFrame, axis: str) -> Figure:
    panels = list(rows.groupby(PANEL, sort=False))
    figure = Figure(figsize=(4.5 * len(panels), 3.8), layout="constrained")
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for ax, (panel, part) in zip(axes, panels, strict=True):
        for kernel in _in_order(part):
            line = part[part.kernel == kernel].sort_values(axis)
            millis = 1e3 * line[["p20_s", "median_s", "p80_s"]]
            colour = _colours(rows)[kernel]
            ax.plot(line[axis], millis.median_s, marker="o", markersize=3, label=kernel, c=colour)
            ax.fill_between(line[axis], millis.p20_s, millis.p80_s, alpha=0.2, color=colour)
        ax.set(xscale="log", yscale="log", xlabel=SWEEPS[axis], title=", ".join(panel))
        ax.grid(which="both", alpha=0.2)
    axes[0].set_ylabel("median time of a call, ms (band: p20 to p80)")
    _legend(axes[0])
    return figure


def _in_order(rows: pd.DataFrame) -> list[str]:
    return sorted(rows.kernel.unique(), key=lambda name: (name != BASELINE, name))


def _colours(rows: pd.DataFrame) -> dict[str, str]:
    return {kernel: f"C{i}" for i, kernel in enumerate(_in_order(rows))}


def _legend(ax: Axes, *, reverse: bool = False) -> None:
    handles, labels = ax.get_legend_handles_labels()
    order: Sequence[int] = range(len(labels))[:: -1 if reverse else 1]
    ax.legend([handles[i] for i in order], [labels[i] for i in order], fontsize="small")
