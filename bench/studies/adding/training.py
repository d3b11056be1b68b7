"""Train with every kernel, keep every loss and every time, judge."""

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

import jax
import numpy as np
from pydantic import ConfigDict, with_config
from rich.console import Console

from bench.cases.case import BASELINE
from bench.records.run import Origin
from bench.report.units import digits, seconds
from bench.studies.adding import task
from kernels.contract import Problem, current_platform
from kernels.registry import KERNELS, why_not

STEPS_A_TURN, TURNS = 100, 15
COMPARED_STEPS = 50  # steps over which training has not yet amplified the last bit
AGREEMENT = 1e-4  # relative, of a loss within those steps
MAX_LOSS_RATIO = 0.25  # of the trivial predictor's loss, by the last turn's mean


@with_config(ConfigDict(ser_json_inf_nan="strings"))
@dataclass(frozen=True)
class Curve:
    """One kernel's training: the loss of every step, and seconds a step, one for every turn."""

    kernel: str
    losses: tuple[float, ...]
    step_s: tuple[float, ...]  # empty where the kernel's speed would mean nothing


@dataclass(frozen=True, kw_only=True)
class Training(Origin):
    """All kernels on the adding problem."""

    curves: tuple[Curve, ...]


def runnable() -> list[str]:
    """The kernels that can run this task on this platform."""
    shape = Problem(
        *(task.T, task.BATCH, task.HIDDEN),
        dtype=jax.numpy.dtype("float32"),
        cell="relu",
        precision="full",
        platform=current_platform(),
    )
    return [name for name in KERNELS if why_not(name, shape) is None]


def train(names: Sequence[str], console: Console) -> tuple[Curve, ...]:
    """Turns of steps, the kernels one after the other in each, so that drift falls on all."""
    programs = {name: task.steps(name, STEPS_A_TURN) for name in names}
    states = dict.fromkeys(names, task.start())
    losses: dict[str, list[float]] = {name: [] for name in names}
    times: dict[str, list[float]] = {name: [] for name in names}
    for name, program in programs.items():
        console.print(f"compiling {name}")
        jax.block_until_ready(program(states[name], jax.random.key(0)))
    for turn, key in enumerate(jax.random.split(jax.random.key(task.SEED), TURNS)):
        for name, program in programs.items():
            begin = perf_counter()
            states[name], values = jax.block_until_ready(program(states[name], key))
            times[name].append((perf_counter() - begin) / STEPS_A_TURN)
            losses[name] += np.asarray(values, np.float64).tolist()
        now = ", ".join(f"{name} {digits(losses[name][-1])}" for name in names)
        console.print(f"step {(turn + 1) * STEPS_A_TURN}: {now}")
    emulated = {name for name in names if KERNELS[name].emulated(current_platform())}
    return tuple(
        Curve(name, tuple(losses[name]), () if name in emulated else tuple(times[name]))
        for name in names
    )


@dataclass(frozen=True)
class Verdict:
    """Whether a kernel trains as the baseline does, and learns."""

    kernel: str
    early_difference: float
    final_loss: float
    step_s: float  # median; NaN where it would mean nothing
    passed: bool

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        return (
            f"{self.kernel}: {'ok' if self.passed else 'FAILED'}; final loss "
            f"{digits(self.final_loss)} (guessing: {digits(task.TRIVIAL_LOSS)}); first "
            f"{COMPARED_STEPS} losses within {digits(self.early_difference)} of {BASELINE}'s; "
            f"a step {seconds(self.step_s) or 'not timed'}"
        )


def verdicts(training: Training) -> list[Verdict]:
    """Every curve against the baseline's early losses, and against guessing."""
    by_name = {curve.kernel: np.array(curve.losses) for curve in training.curves}
    baseline = by_name[BASELINE][:COMPARED_STEPS]
    found = []
    for curve in training.curves:
        losses = by_name[curve.kernel]
        difference = float(np.max(np.abs(losses[:COMPARED_STEPS] - baseline) / baseline))
        final = float(losses[-STEPS_A_TURN:].mean())
        passed = difference <= AGREEMENT and final <= MAX_LOSS_RATIO * task.TRIVIAL_LOSS
        time = float(np.median(curve.step_s)) if curve.step_s else float("nan")
        found.append(Verdict(curve.kernel, difference, final, time, passed))
    return found
