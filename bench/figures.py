"""The figures of a report, drawn from one run's data frame alone."""

from collections.abc import Iterator

import pandas as pd
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
    """A bar for every kernel but the baseline, which is the line at 1."""
    panels = list(rows[rows.kernel != BASELINE].groupby(PANEL, sort=False))
    colours = _colours(rows)
    heights = [len(part) * 0.18 + 0.9 for _, part in panels]
    figure = Figure(figsize=(8, sum(heights) + 0.3), layout="constrained")
    axes = figure.subplots(len(panels), 1, squeeze=False, height_ratios=heights)[:, 0]
    for ax, (panel, part) in zip(axes, panels, strict=True):
        wide = part.pivot(index="workload", columns="kernel", values="speedup")
        wide = wide.reindex(index=part.workload.unique()[::-1], columns=_in_order(part)[::-1])
        wide.plot.barh(ax=ax, width=0.8, color=colours, legend=False)
        ax.axvline(1, color="black", linewidth=0.8)
        ax.set(title=", ".join(panel), xlabel=f"speed-up over {BASELINE}", ylabel="")
    _legend(figure)
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
    lines = -(-len(panels) // 2)
    figure = Figure(figsize=(9, 3.4 * lines + 0.3), layout="constrained")
    axes = figure.subplots(lines, 2, squeeze=False).flat
    for ax in axes[len(panels) :]:
        ax.set_axis_off()
    for ax, (panel, part) in zip(axes, panels, strict=False):
        for kernel in _in_order(part):
            line = part[part.kernel == kernel].sort_values(axis)
            millis = 1e3 * line[["p20_s", "median_s", "p80_s"]]
            colour = _colours(rows)[kernel]
            ax.plot(line[axis], millis.median_s, marker="o", markersize=3, label=kernel, c=colour)
            ax.fill_between(line[axis], millis.p20_s, millis.p80_s, alpha=0.2, color=colour)
        ax.set(xscale="log", yscale="log", xlabel=SWEEPS[axis], title=", ".join(panel))
        ax.set_ylabel("ms a call (band: p20 to p80)")
        ax.grid(which="both", alpha=0.2)
    _legend(figure)
    return figure


def _in_order(rows: pd.DataFrame) -> list[str]:
    return sorted(rows.kernel.unique(), key=lambda name: (name != BASELINE, name))


def _colours(rows: pd.DataFrame) -> dict[str, str]:
    return {kernel: f"C{i}" for i, kernel in enumerate(_in_order(rows))}


def _legend(figure: Figure) -> None:
    """One for all panels, above them: not every kernel is in each."""
    labelled = [ax.get_legend_handles_labels() for ax in figure.axes]
    by_name = {name: handle for each in labelled for handle, name in zip(*each, strict=True)}
    names = sorted(by_name, key=lambda name: (name != BASELINE, name))
    handles = [by_name[name] for name in names]
    figure.legend(handles, names, loc="outside upper center", ncols=len(names), fontsize="small")
