"""The adding problem's part of a machine's report."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from bench.adding import task
from bench.adding.training import EARLY, STEPS_A_TURN, Training, verdicts
from bench.markdown import provenance, table
from bench.svg import svg
from bench.tables import BASELINE
from bench.units import digits, seconds


def section(training: Training, path: Path) -> tuple[list[str], dict[str, str]]:
    """Markdown blocks, and the figures they show by file name."""
    name = "adding-loss.svg"
    what = (
        f"The sum of two marked numbers in a sequence of {task.T}, batch {task.BATCH}, "
        f"hidden size {task.HIDDEN}, {len(training.curves[0].losses)} steps of Adam from one seed; "
        f"guessing loses {digits(task.TRIVIAL_LOSS)}. `difference` is the largest relative one "
        f"from `{BASELINE}`'s loss over the first {EARLY} steps: later, training itself amplifies "
        f"the last bit."
    )
    source = provenance(training, f"adding/{path.name}")
    blocks = ["## The adding problem", source, what, table(_rows(training)), f"![loss]({name})"]
    return blocks, {name: svg(_figure(training))}


def _rows(training: Training) -> pd.DataFrame:
    found = verdicts(training)
    baseline = next(verdict.step_s for verdict in found if verdict.kernel == BASELINE)
    return pd.DataFrame(
        {
            "kernel": verdict.kernel,
            "final loss": digits(verdict.final_loss),
            "difference": digits(verdict.early_difference),
            "step": seconds(verdict.step_s),
            f"× {BASELINE}": digits(baseline / verdict.step_s),
            "verdict": "ok" if verdict.passed else "FAILED",
        }
        for verdict in found
    )


def _figure(training: Training) -> Figure:
    figure = Figure(figsize=(7, 3.6), layout="constrained")
    losses, times = figure.subplots(1, 2, width_ratios=(3, 2))
    for curve in training.curves:
        means = pd.Series(curve.losses).groupby(lambda step: step // STEPS_A_TURN).mean()
        losses.plot((means.index + 1) * STEPS_A_TURN, means, label=curve.kernel, alpha=0.8)
    losses.axhline(task.TRIVIAL_LOSS, color="black", linestyle=":", label="guessing")
    losses.set(yscale="log", xlabel="training steps", ylabel=f"mean loss of {STEPS_A_TURN} steps")
    losses.legend(fontsize="small")
    timed = [(name, time) for name, time in _times(training)]
    times.barh([name for name, _ in timed], [1e3 * time for _, time in timed])
    times.set(xlabel="median time of a step, ms")
    return figure


def _times(training: Training) -> Iterator[tuple[str, float]]:
    for verdict in verdicts(training):
        if verdict.step_s == verdict.step_s:
            yield verdict.kernel, verdict.step_s
