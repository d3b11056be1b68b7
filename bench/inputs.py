"""Seeded inputs on which a long sequence neither explodes nor dies."""

from dataclasses import dataclass
from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

import reference
from bench.formats import FORMATS
from bench.workloads import Workload
from reference import oracle

SEED = 100
ACTIVE_SHARE = (0.05, 0.95)  # of units, in a sequence that is alive
FEWEST_TO_JUDGE = 256  # units: of fewer, all may happen to be active


@dataclass(frozen=True, eq=False)
class Targets:
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
def make(workload: Workload, dtype: str) -> Inputs:
    """Draw x and targets from N(0, 1), h0 from N(0, 1/4), weights by `reference.init`."""
    w, dtype = workload, FORMATS[dtype].storage
    k_params, k_x, k_h0, k_y, k_h = jax.random.split(jax.random.key(SEED), 5)
    params = reference.init(k_params, w.I, w.H, w.O, jnp.dtype(dtype))
    x = jax.random.normal(k_x, (w.T, w.B, w.I)).astype(dtype)
    h0 = (jax.random.normal(k_h0, (w.B, w.H)) / 2).astype(dtype)
    z = oracle.wide(x) @ oracle.wide(params.w_xh) + oracle.wide(params.b_h)
    targets = Targets(
        y=jax.random.normal(k_y, (w.T, w.B, w.O)).astype(dtype),
        h=jax.random.normal(k_h, (w.T, w.B, w.H)).astype(dtype),
    )
    return Inputs(params, x, jnp.asarray(z, dtype), h0, targets)


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
