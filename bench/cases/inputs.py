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

import reference
from bench.cases.dtypes import FORMATS
from bench.cases.workloads import Workload
from reference import oracle

SEED = 100
ACTIVE_SHARE = (0.05, 0.95)  # of units, in a sequence that is alive
FEWEST_TO_JUDGE = 256  # units: of fewer, all may happen to be active


class Targets(NamedTuple):
    """What a loss compares outputs and states with; also cotangents of either."""

    y: Float[Array, "T B O"]
    h: Float[Array, "T B H"]


@dataclass(frozen=True, eq=False)
class Inputs:
    """Arguments of a workload in one dtype, and z = x W_xh + b_h rounded to that dtype."""

    params: reference.Params
    x: Float[Array, "T B I"]
    z: Float[Array, "T B H"]
    h0: Float[Array, "B H"]
    targets: Targets


@lru_cache(maxsize=2)
def make_inputs(workload: Workload, dtype: str) -> Inputs:
    """Draw x and targets from N(0, 1), h0 from N(0, 1/4), weights as `reference.init` does.

    By NumPy: `jax.random` would compile a program for every shape, in a second a workload.
    """
    w, draw = workload, np.random.default_rng(SEED).standard_normal
    params = _weights(w, draw)
    x, h0 = draw((w.T, w.B, w.I)), draw((w.B, w.H)) / 2
    targets = Targets(y=draw((w.T, w.B, w.O)), h=draw((w.T, w.B, w.H)))
    stored = partial(_stored, FORMATS[dtype].storage)
    params, x, h0, targets = jax.tree.map(stored, (params, x, h0, targets))
    z = oracle.wide(x) @ oracle.wide(params.w_xh) + oracle.wide(params.b_h)
    return Inputs(params, x, stored(z), h0, targets)


def _weights(w: Workload, draw: Callable[..., Float[np.ndarray, "..."]]) -> reference.Params:
    """LeCun normal, biases with standard deviation 0.1, W_hh a multiple of an orthogonal matrix."""
    return reference.Params(
        w_xh=draw((w.I, w.H)) / sqrt(w.I),
        w_hh=reference.RECURRENT_GAIN * np.linalg.qr(draw((w.H, w.H))).Q,
        b_h=draw(w.H) / 10,
        w_ho=draw((w.H, w.O)) / sqrt(w.H),
        b_o=draw(w.O) / 10,
    )


def _stored(dtype: str, array: Float[np.ndarray, "*S"]) -> Float[Array, "*S"]:
    return jnp.asarray(array.astype(jnp.dtype(dtype)))


def check_alive(h: Float[np.ndarray, "T B H"], activation: str) -> None:
    """Raise ValueError if states are not finite, or nearly all units are off or saturated."""
    if not np.isfinite(h).all():
        raise ValueError("the oracle's hidden states are not finite: these inputs explode")
    if h[-1].size < FEWEST_TO_JUDGE:
        return
    active = (h[-1] > 0) if activation == "relu" else (np.abs(h[-1]) < 0.99)
    low, high = ACTIVE_SHARE
    if not low <= active.mean() <= (high if activation == "relu" else 1):
        raise ValueError(f"{active.mean():.0%} of the units are active at the end: a dead sequence")
