"""Speed-ups, and times over T and H, drawn from one run's data frame alone."""

import re
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.report.figures.axes import logarithmic
from bench.report.figures.svg import svg
from bench.report.section import Drawing
from bench.report.tables import BASELINE, GROUP, STRUCTURE

SWEEPS = {"T": "time steps T", "H": "hidden size H"}
PANEL = ["scope", "pass", "dtype", "cell"]
MARKERS = "osD^vPX<>*p"  # a kernel has its own shape as well as its colour
# What is often drawn together comes first: these have a colour each.
LOOKS = ("scan", "native", "torch", "onnxruntime", "flax", "scan-autodiff", "unrolled-full")
LOOKS += ("mosaic", "triton", "pallas", "flashrnn", "unrolled", "openvino", "jax-cudnn")
COLOURS = (
    "#000000",
    "#d55e00",
    "#0072b2",
    "#009e73",
    "#cc79a7",
    "#c08400",
    "#3a9bd4",
)  # Okabe, Ito; the two brightest darker, for a white page and for a dark one, which inverts them


def speedups(rows: pd.DataFrame, suite: str) -> Iterator[Drawing]:
    """Of every kernel over the baseline, a figure a cell; none where no other was timed."""
    for where, name, timed in by_cell(rows, suite):
        if (timed.kernel != BASELINE).any():
            what = f"Speed-up over {BASELINE} of every kernel on every workload, {where}"
            yield Drawing(name("speedup"), svg(_speedups(_literal(timed))), what)


def sweeps(rows: pd.DataFrame, suite: str) -> Iterator[Drawing]:
    """The time of a step over T and over H, where workloads of a cell differ in that alone."""
    for where, name, timed in by_cell(rows, suite):
        for axis, meaning in SWEEPS.items():
            swept = _longest_sweep(_literal(timed), axis)
            if swept[axis].nunique() > 1:
                what = f"Time of a step over {meaning}, a line for every kernel, {where}"
                yield Drawing(name(f"time-{axis}"), svg(_sweep(swept, axis)), what)


def by_cell(
    rows: pd.DataFrame, suite: str
) -> Iterator[tuple[str, Callable[[str], str], pd.DataFrame]]:
    """For each cell that was timed: its name in a sentence, how its files are named, its rows.

    Of several the cell stands last in a file's name, for a suite's own may end in a cell.
    """
    timed = rows[rows.time_s.notna()]
    several = timed.cell.nunique() > 1
    for cell, part in timed.groupby("cell", sort=False):
        ending = f"-{cell}" if several else ""
        yield f"{cell}, suite {suite}", partial(_named, suite, ending), part


def _named(suite: str, ending: str, figure: str) -> str:
    return file_name(f"{suite}-{figure}{ending}.svg")


def file_name(text: str) -> str:
    """The text as one: a name from a result file leads to no other folder."""
    return re.sub(r"[^\w.-]+", "-", text)


def _literal(rows: pd.DataFrame) -> pd.DataFrame:
    """Names in which a dollar sign starts no formula."""
    names = [*GROUP, "kernel"]
    return rows.assign(**{name: rows[name].str.replace("$", r"\$", regex=False) for name in names})


def _speedups(rows: pd.DataFrame) -> Figure:
    """Markers at the speed-up; a line from end to end of its interval, where that is bounded."""
    workloads = list(rows.workload.unique())
    height = len(workloads) * rows.kernel.nunique() * 0.13 + 0.6
    figure, panels = _panels(rows, height, sharey=True)
    for ax, part in panels:
        _compared(ax, part, rows, workloads)
        ax.axvline(1, color="black", linewidth=0.8)
        ax.set(yticks=range(len(workloads)), yticklabels=workloads, xscale="log")
        ax.set_ylim(len(workloads) - 0.5, -0.5)
        ax.grid(axis="x", which="both", alpha=0.2)
        logarithmic(ax, "x")
    figure.supxlabel(f"speed-up over {BASELINE} (line: 95 % interval), faster →", fontsize="medium")
    legend(figure)
    return figure


def _compared(ax: Axes, part: pd.DataFrame, every: pd.DataFrame, workloads: list[str]) -> None:
    kernels = in_order(part)
    for place, kernel in enumerate(kernels):
        own = part[part.kernel == kernel]
        y = own.workload.map(workloads.index) + 0.8 * ((place + 0.5) / len(kernels) - 0.5)
        ends = _bounded(own, "speedup", ["speedup_low", "speedup_high"])
        ax.hlines(y, *ends, color=look(every, kernel)["color"], linewidth=1)
        ax.plot(own.speedup, y, linestyle="", label=kernel, **look(every, kernel))


def _bounded(rows: pd.DataFrame, value: str, names: list[str]) -> tuple[np.ndarray, ...]:
    """Both ends of an interval; the value itself where too few visits leave it open."""
    known = np.isfinite(rows.half_width)
    return tuple(rows[name].where(known, rows[value]).to_numpy(float) for name in names)


def _longest_sweep(rows: pd.DataFrame, axis: str) -> pd.DataFrame:
    """The rows of those workloads that differ in this axis alone, most numerous first."""
    others = [other for other in (*"TBIHO", *STRUCTURE) if other != axis]
    sizes = rows.groupby(others)[axis].transform("nunique")
    candidates = rows[sizes == sizes.max()]
    first = candidates.iloc[0][others]
    return candidates[(candidates[others] == first).all(axis=1)]


def _sweep(rows: pd.DataFrame, axis: str) -> Figure:
    figure, panels = _panels(rows, 3.4)
    for ax, part in panels:
        for kernel in in_order(part):
            line = part[part.kernel == kernel].sort_values(axis)
            ends = (1e6 * end / line["T"] for end in _bounded(line, "time_s", ["low_s", "high_s"]))
            style = look(rows, kernel)
            ax.plot(line[axis], 1e6 * line.step_s, label=kernel, linewidth=1, **style)
            ax.fill_between(line[axis], *ends, alpha=0.2, color=style["color"])
        ax.set(xscale="log", yscale="log", xlabel=SWEEPS[axis])
        ax.set_ylabel("µs a step (band: 95 % interval)")
        ax.grid(which="both", alpha=0.2)
        logarithmic(ax, "x", "y")
    legend(figure)
    return figure


def _panels(
    rows: pd.DataFrame, height: float, sharey: bool = False
) -> tuple[Figure, list[tuple[Axes, pd.DataFrame]]]:
    """Two panels a line, one for each of PANEL's combinations; `height` of one in inches."""
    parts = list(rows.groupby(PANEL, sort=False))
    lines = -(-len(parts) // 2)
    figure = Figure(figsize=(9, height * lines + 0.3), layout="constrained")
    axes = figure.subplots(lines, 2, squeeze=False, sharey=sharey).ravel()
    for ax in axes[len(parts) :]:
        ax.set_axis_off()
    panels = []
    for ax, (names, part) in zip(axes, parts, strict=False):
        ax.set_title(", ".join(names), fontsize="medium")
        panels.append((ax, part))
    return figure, panels


def in_order(rows: pd.DataFrame) -> list[str]:
    """The kernels, the baseline first."""
    return sorted(rows.kernel.unique(), key=lambda name: (name != BASELINE, name))


def look(rows: pd.DataFrame, kernel: str) -> dict[str, object]:
    """The same for a kernel of LOOKS in all figures, for any other in all panels of one."""
    others = [name for name in in_order(rows) if name not in LOOKS]
    place = (*LOOKS, *others).index(kernel)
    marker, colour = MARKERS[place % len(MARKERS)], COLOURS[place % len(COLOURS)]
    return {"marker": marker, "color": colour, "markersize": 4}


def legend(figure: Figure) -> None:
    """One for all panels, above them: not every kernel is in each. As many lines as it needs."""
    labelled = [ax.get_legend_handles_labels() for ax in figure.axes]
    by_name = {name: handle for each in labelled for handle, name in zip(*each, strict=True)}
    names = sorted(by_name, key=lambda name: (name != BASELINE, name))
    handles = [by_name[name] for name in names]
    for lines in range(1, len(names) + 1):
        columns = -(-len(names) // lines)
        place = {"loc": "outside upper center", "ncols": columns, "fontsize": "small"}
        made = figure.legend(handles, names, **place)
        if columns == 1 or made.get_window_extent().width <= figure.bbox.width:
            return
        made.remove()
