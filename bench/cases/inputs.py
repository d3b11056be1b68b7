"""Seeded inputs on which a long sequence neither explodes nor dies."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from math import sqrt
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from bench.cases.dtypes import FORMATS
from bench.cases.orthogonal import orthogonal
from bench.cases.workloads import Workload

# By name: a package may load lazily, and a worker puts another tree's in this one's place.
from reference import CELLS, RECURRENT_GAIN, Layer, Params, Readout, Weights, oracle
from reference.cells import Cell, State

SEED = 100
ACTIVE_SHARE = (0.05, 0.95)  # of units, in a sequence that is alive
FEWEST_TO_JUDGE = 256  # units: of fewer, all may happen to be active
Draw = Callable[..., Float[np.ndarray, "..."]]


# Of one direction; of several, a tuple of a pair for every layer, None where there is no direction.
States = State | tuple[tuple[State | None, State | None], ...]


class Targets(NamedTuple):
    """What a loss compares outputs and states with; also cotangents of either.

    h is a recurrence's, so None beside several layers or directions.
    """

    y: Float[Array, "T B O"]
    h: Float[Array, "T B H"] | None
    last: States


@dataclass(frozen=True, eq=False)
class Inputs:
    """Arguments of a workload for a cell in one dtype, and pre = x W_x + b rounded to that dtype.

    `pre` is None beside several layers or directions, `lengths` where all are T.
    """

    params: Params
    x: Float[Array, "T B I"]
    pre: Float[Array, "T B X"] | None
    initial: States
    targets: Targets
    lengths: Int[Array, "B"] | None

    @property
    def weights(self) -> Weights:
        """Of the first layer, forward; of a recurrence the only ones."""
        return self.params.layers[0].forward

    @property
    def ends(self) -> tuple[Int[Array, "B"], ...]:
        """The lengths as arguments: none where all are T."""
        return () if self.lengths is None else (self.lengths,)

    @property
    def model(self) -> tuple[Any, ...]:
        """The arguments of a whole model."""
        return self.params, self.x, self.initial, *self.ends

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
    params, x = _params(w, kind, draw), draw((w.T, w.B, w.I))
    initial, targets = (_of_one if w.alone else _of_several)(w, kind, draw)
    stored = partial(_stored, FORMATS[dtype].storage)
    params, x, initial, targets = jax.tree.map(stored, (params, x, initial, targets))
    pre = stored(_projected(x, params.layers[0].forward)) if w.alone else None
    return Inputs(params, x, pre, initial, targets, _lengths(w))


def _of_one(w: Workload, cell: Cell, draw: Draw) -> tuple[States, Targets]:
    """Initial states and targets of the one direction of a layer."""
    h0 = draw((w.B, w.H)) / 2
    y, h = draw((w.T, w.B, w.O)), draw((w.T, w.B, w.H))
    carried = [draw((2, w.B, w.H)) for _ in cell.carried]
    targets = Targets(y, h, (h[-1], *(target for _, target in carried)))
    return (h0, *(first / 2 for first, _ in carried)), targets


def _of_several(w: Workload, cell: Cell, draw: Draw) -> tuple[States, Targets]:
    """Those of every direction of every layer, in plain tuples."""
    y, number = draw((w.T, w.B, w.O)), len(cell.states)
    drawn = draw((w.layers, w.ways, 2, number, w.B, w.H))
    initial, last = (
        tuple((*(tuple(way[which]) for way in layer), *[None] * (2 - w.ways)) for layer in drawn)
        for which in (0, 1)
    )
    return jax.tree.map(lambda state: state / 2, initial), Targets(y, None, last)


def _projected(x: Float[Array, "T B I"], weights: Weights) -> Float[np.ndarray, "T B X"]:
    pre = oracle.wide(x) @ oracle.wide(weights.w_x)
    pre += oracle.wide(weights.b)[: pre.shape[2]]
    return pre


def _lengths(w: Workload) -> Int[Array, "B"] | None:
    """In an order of its own generator, which leaves what the others draw as it is."""
    if w.lengths == "full":
        return None
    shuffled = np.random.default_rng(SEED).permutation(w.lengths_in_order)
    return jnp.asarray(shuffled.astype(np.int32))


def _params(w: Workload, cell: Cell, draw: Draw) -> Params:
    """LeCun normal, biases with standard deviation 0.1, W_h multiples of orthogonal matrices."""
    D = w.ways * w.H
    layers = tuple(
        Layer(*(_weights(inputs, w.H, cell, draw) for _ in range(w.ways)))
        for inputs in (w.I, *[D] * (w.layers - 1))
    )
    return Params(layers, Readout(w=draw((D, w.O)) / sqrt(D), b=draw(w.O) / 10))


def _weights(I: int, H: int, cell: Cell, draw: Draw) -> Weights:  # noqa: E741
    w_x = draw((I, cell.from_x * H)) / sqrt(I)
    w_h = [orthogonal(draw((H, H))) for _ in range(cell.from_h)]
    b = draw(len(cell.slots) * H) / 10
    return Weights(w_x, RECURRENT_GAIN * np.concatenate(w_h, axis=1), b)


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
