"""Seeded inputs on which a long sequence neither explodes nor dies."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from math import sqrt
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from bench.cases.dtypes import FORMATS
from bench.cases.workloads import Workload

# By name: a package may load lazily, and a worker puts another tree's in this one's place.
from reference import CELLS, RECURRENT_GAIN, Params, Readout, Weights, oracle, single
from reference.cells import Cell, State

SEED = 100
ACTIVE_SHARE = (0.05, 0.95)  # of units, in a sequence that is alive
FEWEST_TO_JUDGE = 256  # units: of fewer, all may happen to be active


class Targets(NamedTuple):
    """What a loss compares outputs and states with; also cotangents of either."""

    y: Float[Array, "T B O"]
    h: Float[Array, "T B H"]
    last: State


@dataclass(frozen=True, eq=False)
class Inputs:
    """Arguments of a workload for a cell in one dtype, and pre = x W_x + b rounded to that dtype.

    `b_h` is the bias of the slots that x does not fill.
    """

    params: Params
    x: Float[Array, "T B I"]
    pre: Float[Array, "T B X"]
    initial: State
    targets: Targets

    @property
    def weights(self) -> Weights:
        """Of the one layer."""
        return self.params.layers[0].forward

    @property
    def b_h(self) -> Float[Array, "..."]:
        """The bias of the slots that x does not fill."""
        return self.weights.b[self.pre.shape[2] :]

    @property
    def recurrence(self) -> tuple[Array, Array, Array, State]:
        """The arguments of a recurrence alone."""
        return self.pre, self.weights.w_h, self.b_h, self.initial


@lru_cache(maxsize=2)
def make_inputs(workload: Workload, dtype: str, cell: str) -> Inputs:
    """Draw x and targets from N(0, 1), states from N(0, 1/4), weights as `reference.init` does.

    By NumPy: `jax.random` would compile a program for every shape, in a second a workload.
    """
    w, draw, kind = workload, np.random.default_rng(SEED).standard_normal, CELLS[cell]
    params = _params(w, kind, draw)
    x, h0 = draw((w.T, w.B, w.I)), draw((w.B, w.H)) / 2
    y, h = draw((w.T, w.B, w.O)), draw((w.T, w.B, w.H))
    carried = [draw((2, w.B, w.H)) for _ in kind.carried]
    targets = Targets(y, h, (h[-1], *(target for _, target in carried)))
    initial = (h0, *(first / 2 for first, _ in carried))
    stored = partial(_stored, FORMATS[dtype].storage)
    params, x, initial, targets = jax.tree.map(stored, (params, x, initial, targets))
    weights = params.layers[0].forward
    pre = oracle.wide(x) @ oracle.wide(weights.w_x)
    pre += oracle.wide(weights.b)[: pre.shape[2]]
    return Inputs(params, x, stored(pre), initial, targets)


def _params(w: Workload, cell: Cell, draw: Callable[..., Float[np.ndarray, "..."]]) -> Params:
    """LeCun normal, biases with standard deviation 0.1, W_h multiples of orthogonal matrices."""
    w_x = draw((w.I, cell.from_x * w.H)) / sqrt(w.I)
    w_h = [np.linalg.qr(draw((w.H, w.H))).Q for _ in range(cell.from_h)]
    b = draw(len(cell.slots) * w.H) / 10
    readout = Readout(w=draw((w.H, w.O)) / sqrt(w.H), b=draw(w.O) / 10)
    gained = RECURRENT_GAIN * np.concatenate(w_h, axis=1)
    return single(Weights(w_x, gained, b), readout)


def _stored(dtype: str, array: Float[np.ndarray, "*S"]) -> Float[Array, "*S"]:
    return jnp.asarray(array.astype(jnp.dtype(dtype)))


def check_alive(h: Float[np.ndarray, "T B H"], cell: str) -> None:
    """Raise ValueError if states are not finite, or nearly all units are off or saturated."""
    if not np.isfinite(h).all():
        raise ValueError("the oracle's hidden states are not finite: these inputs explode")
    if h[-1].size < FEWEST_TO_JUDGE:
        return
    active = (h[-1] > 0) if cell == "relu" else (np.abs(h[-1]) < 0.99)
    low, high = ACTIVE_SHARE
    if not low <= active.mean() <= (high if cell == "relu" else 1):
        raise ValueError(f"{active.mean():.0%} of the units are active at the end: a dead sequence")
