"""The ladder's part of a machine's report."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from bench.report.figures.svg import svg
from bench.report.kinds import Kind
from bench.report.pages.markup import link, plain
from bench.report.section import Drawing, Section, Table
from bench.report.units import digits, percent, seconds
from bench.studies.ladder.climb import Climb, Ladder

IDEAS = {
    "plain loops": "a dot product for every number",
    "inner loop along rows": "memory in order, so the compiler can use vectors",
    "register tile": "rows of the batch share every load of W",
    "one pass through time": "projections inside the time loop, while their rows are in cache",
    "packed weights": "panels in the order in which they are read",
    "threads share a step": "hidden units divided, a barrier a step",
    "threads share the batch": "rows divided for all of time, no barrier",
    "as shipped": "the choice among these, and rows times zero left out at batch 1",
}


def section(ladder: Ladder, path: Path) -> Section:
    """Every rung's time and share of what the vector units can do; `path` is the ladder's file."""
    what = (
        "The native kernel's forward pass (float32, relu, the whole model) from plain loops up, "
        f"one idea a rung, each on top of the ones before, compiled for {plain(ladder.target)}. "
        "`of peak` is the share of the most that multiply-adds in registers reached on all threads "
        "in any round; the first five rungs run on one thread. Samples: "
        f"{link(path.name, f'ladder/{path.name}')}."
    )
    alt = "Share of peak for every rung and shape"
    drawing = Drawing("ladder.svg", svg(_figure(ladder)), alt)
    rows = pd.DataFrame([row for climb in ladder.climbs for row in _rows(ladder, climb)])
    return Section("The ladder", [what], [drawing], Table(rows, COLUMNS, split=("problem",)))


COLUMNS = {
    "rung": ("rung", str),
    "idea": ("idea", str),
    "median": ("median_s", seconds),
    "GFLOP/s": ("gflops", digits),
    "of peak": ("share", percent),
    "× rung before": ("gain", digits),
    "deviation": ("deviation", digits),
}


def _rows(ladder: Ladder, climb: Climb) -> Iterator[dict[str, object]]:
    before = None
    for rung in climb.measured.rungs:
        yield {
            "problem": climb.workload.name,
            "rung": rung.name,
            "idea": IDEAS[rung.name],
            "median_s": rung.median_s,
            "gflops": climb.flops_per_s(rung) / 1e9,
            "share": ladder.share_of_peak(climb, rung),
            "gain": before.median_s / rung.median_s if before else float("nan"),
            "deviation": rung.deviation,
        }
        before = rung


def _figure(ladder: Ladder) -> Figure:
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for climb, marker in zip(ladder.climbs, "osD^", strict=False):
        names = [rung.name for rung in climb.measured.rungs]
        shares = [100 * ladder.share_of_peak(climb, rung) for rung in climb.measured.rungs]
        axes.plot(shares, names, marker=marker, label=climb.workload.name)
    axes.invert_yaxis()
    axes.set(xlabel="% of what the vector units can do", xlim=(0, 100))
    figure.legend(loc="outside upper center", ncols=len(ladder.climbs), fontsize="small")
    return figure


KIND = Kind("ladder", Ladder, section)
