"""A line a kernel over the commits: its ratio to the baseline, and its time, problem by problem."""

from collections.abc import Collection, Sequence
from itertools import pairwise
from math import ceil, exp, isfinite

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from bench.cases.case import BASELINE, Case
from bench.judging.verdicts import Interval
from bench.report.figures.speed import legend, look
from bench.report.figures.svg import literal, svg
from bench.report.history.collect import Entry
from bench.report.history.findings import Finding
from bench.report.history.series import Series
from bench.report.section import Drawing
from bench.report.units import change, digits, seconds

MOST_LABELS = 16  # below a panel
HEIGHT = 2.0  # inches, of a problem
HEADROOM = 0.2  # of a panel, for the sizes of steps
ALT = "Ratio to scan and time of every kernel over the commits, a pair of panels a problem"


def draw(entries: Sequence[Entry], every: Sequence[Series], found: Sequence[Finding]) -> Drawing:
    """Two panels a problem; a dashed line where a kernel has a step, with its size."""
    problems = list(dict.fromkeys(series.case.group for series in every))
    figure = Figure(figsize=(9, HEIGHT * len(problems) + 0.4), layout="constrained")
    rows = figure.subplots(len(problems), 2, squeeze=False)
    kernels = pd.DataFrame({"kernel": [series.case.kernel for series in every]})
    for problem, (ratios, times) in zip(problems, rows, strict=True):
        for series in (series for series in every if series.case.group == problem):
            style = look(kernels, series.case.kernel)
            _line(times, series, [(p.place, p.time) for p in series.points], style)
            if series.case.kernel != BASELINE:
                with_ratio = [(p.place, p.ratio) for p in series.points if p.ratios]
                _line(ratios, series, with_ratio, style)
        ratios.axhline(1, color="black", linewidth=0.8)
        for ax, by_ratio in ((ratios, True), (times, False)):
            own = [f for f in found if f.series.case.group == problem]
            _mark(ax, [f for f in own if f.series.by_ratio == by_ratio], kernels)
            _axes(ax, entries, [finding.at for finding in found])
        _describe(problem, ratios, times)
    legend(figure)
    return Drawing("history.svg", svg(figure), ALT)


def _line(
    ax: Axes, series: Series, points: Sequence[tuple[int, Interval]], style: dict[str, object]
) -> None:
    places = [place for place, _ in points]
    middles = [exp(each.estimate) for _, each in points]
    ax.plot(places, middles, label=literal(series.case.kernel), linewidth=1, **style)
    known = [(x, exp(i.low), exp(i.high)) for x, i in points if isfinite(i.low)]
    ax.vlines(*zip(*known, strict=True) if known else ([], [], []), color=style["color"], alpha=0.5)


def _mark(ax: Axes, found: Sequence[Finding], kernels: pd.DataFrame) -> None:
    """Several steps at one place are written one below the other."""
    lines: dict[int, int] = {}
    for each in found:
        line = lines[each.at] = lines.get(each.at, -1) + 1
        colour, middle = (
            look(kernels, each.series.case.kernel)["color"],
            (each.before + each.at) / 2,
        )
        ax.axvline(middle, color=colour, linestyle="--", linewidth=1)
        ax.annotate(
            change(each.interval.estimate),
            (middle, 1),
            (2, -2 - 9 * line),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            color=colour,
            fontsize="x-small",
            va="top",
        )


def _axes(ax: Axes, entries: Sequence[Entry], steps: Collection[int]) -> None:
    ticks = _labelled(entries, steps)
    names = [entries[place].commit for place in ticks]
    ax.set_xticks(ticks, names, rotation=45, ha="right", rotation_mode="anchor", fontsize="x-small")
    ax.set_xlim(-0.5, len(entries) - 0.5)
    ax.set_yscale("log")
    ax.margins(y=HEADROOM)
    ax.yaxis.set_major_locator(MaxNLocator(4))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.tick_params(axis="y", labelsize="x-small")
    ax.grid(alpha=0.2)


def _labelled(entries: Sequence[Entry], steps: Collection[int]) -> list[int]:
    """First runs of commits, as many as there is room for: those of steps before all others."""
    apart = ceil(len(entries) / MOST_LABELS)
    commits = ["", *(entry.commit for entry in entries)]
    first = [place for place, (before, own) in enumerate(pairwise(commits)) if before != own]
    chosen: list[int] = []
    for place in (*sorted({*steps}.intersection(first)), *first):
        if all(abs(place - other) >= apart for other in chosen):
            chosen.append(place)
    return sorted(chosen)


def _describe(problem: Case, ratios: Axes, times: Axes) -> None:
    ratios.set_title(literal(str(problem).strip()), fontsize="small", loc="left")
    ratios.set_ylabel(f"time / {BASELINE}'s", fontsize="x-small")
    times.set_ylabel("time", fontsize="x-small")
    ratios.yaxis.set_major_formatter(FuncFormatter(lambda y, _: digits(y)))
    times.yaxis.set_major_formatter(FuncFormatter(lambda y, _: seconds(y)))
