"""How dealing grows, in a machine's report."""

from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from bench.report.figures.axes import logarithmic
from bench.report.figures.svg import svg
from bench.report.kinds import Kind
from bench.report.pages.markup import link
from bench.report.section import Drawing, Section, Table
from bench.report.units import integer, mebibytes, percent, seconds
from bench.studies.dealing.growth import Growth
from bench.studies.dealing.simulated import NODE_DIES, TASK_HANGS

COLUMNS = {
    "nodes": ("nodes", integer),
    "problems": ("groups", integer),
    "measured": ("measured", integer),
    "twice": ("twice", integer),
    "given up": ("failed", integer),
    "lost tasks": ("lost_tasks", integer),
    "nodes left": ("nodes_left", integer),
    "simulated": ("simulated_s", seconds),
    "nodes busy": ("busy", percent),
    "dealing": ("dealing_s", seconds),
    "memory MiB": ("peak_bytes", mebibytes),
}


def section(growth: Growth, path: Path) -> Section:
    """Fleets of simulated nodes; `path` is the file."""
    rows = pd.DataFrame([vars(each) for each in growth.fleets])
    what = (
        "Problems dealt to simulated nodes, which pass about the time that real ones take and lose "
        f"{percent(growth.losing)} of their tasks: in {percent(NODE_DIES)} of these the node dies, "
        f"in {percent(TASK_HANGS)} the task hangs until its limit. `dealing` is what the "
        f"driver itself took, on one core. Fleets: {link(path.name, f'dealing/{path.name}')}."
    )
    return Section("Dealing to many nodes", [what], [_draw(rows)], Table(rows, COLUMNS))


def _draw(rows: pd.DataFrame) -> Drawing:
    figure = Figure(figsize=(7.2, 2.8), layout="constrained")
    whole, own = figure.subplots(1, 2)
    whole.plot(rows.nodes, rows.simulated_s / 60, marker="o")
    whole.set(xscale="log", ylim=0, xlabel="nodes, 20 problems each", ylabel="minutes, simulated")
    own.plot(rows.groups, rows.dealing_s, marker="o")
    own.set(xscale="log", yscale="log", xlabel="problems", ylabel="seconds of the driver")
    logarithmic(own, "y")
    return Drawing("dealing.svg", svg(figure), "How long a fleet takes, and its driver")


KIND = Kind("dealing", Growth, section)
