"""The adding problem's part of a machine's report."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from bench.cases.case import BASELINE
from bench.report.figures.svg import svg
from bench.report.kinds import Kind
from bench.report.pages.markup import link
from bench.report.section import Drawing, Section, Table
from bench.report.units import digits, seconds
from bench.studies.adding import task
from bench.studies.adding.training import COMPARED_STEPS, STEPS_A_TURN, Training, verdicts


def section(training: Training, path: Path) -> Section:
    """The task, every kernel's verdict, the losses drawn; `path` is the training's file."""
    what = (
        f"The sum of two marked numbers in a sequence of {task.T}, batch {task.BATCH}, "
        f"hidden size {task.HIDDEN}, {len(training.curves[0].losses)} steps of Adam from one seed; "
        f"guessing loses {digits(task.TRIVIAL_LOSS)}. `difference` is the largest relative one "
        f"from `{BASELINE}`'s loss over the first {COMPARED_STEPS} steps: later, training itself "
        f"amplifies the last bit. Samples: {link(path.name, f'adding/{path.name}')}."
    )
    alt = "Loss over training steps, and the time of a step, for every kernel"
    drawing = Drawing("adding-loss.svg", svg(_figure(training)), alt)
    return Section("The adding problem", [what], [drawing], _table(training))


def _table(training: Training) -> Table:
    rows = pd.DataFrame(map(asdict, verdicts(training)))
    (baseline,) = rows.step_s[rows.kernel == BASELINE]
    rows["speedup"] = baseline / rows.step_s
    columns = {
        "kernel": ("kernel", str),
        "final loss": ("final_loss", digits),
        "difference": ("early_difference", digits),
        "step": ("step_s", seconds),
        f"× {BASELINE}": ("speedup", digits),
        "verdict": ("passed", lambda passed: "ok" if passed else "FAILED"),
    }
    return Table(rows, columns)


def _figure(training: Training) -> Figure:
    figure = Figure(figsize=(7, 3.6), layout="constrained")
    losses, times = figure.subplots(1, 2, width_ratios=(3, 2))
    for curve in training.curves:
        means = pd.Series(curve.losses).groupby(lambda step: step // STEPS_A_TURN).mean()
        losses.plot((means.index + 1) * STEPS_A_TURN, means, label=curve.kernel, alpha=0.8)
    losses.axhline(task.TRIVIAL_LOSS, color="black", linestyle=":", label="guessing")
    losses.set(yscale="log", xlabel="training steps", ylabel=f"mean loss of {STEPS_A_TURN} steps")
    figure.legend(loc="outside upper center", ncols=4, fontsize="small")
    timed = [(name, time) for name, time in _times(training)]
    times.barh([name for name, _ in timed], [1e3 * time for _, time in timed])
    times.set(xlabel="median time of a step, ms")
    return figure


def _times(training: Training) -> Iterator[tuple[str, float]]:
    for verdict in verdicts(training):
        if verdict.step_s == verdict.step_s:
            yield verdict.kernel, verdict.step_s


KIND = Kind("adding", Training, section)
