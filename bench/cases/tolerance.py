r"""How far a correct kernel may be from the float64 oracle, derived from cell, dtype and shape.

Every step commits roundings of at most u_s to storage: of each of its states, and of each slot's
pre-activation, an error of which counts by the slot's slope s_i. The K = I + H accumulated terms of
a slot round as well, which random-walks to sqrt(K) u_a (Higham & Mary, "A new approach to
probabilistic rounding error analysis", 2019). All inputs have unit scale, so

    step = sqrt((states + S) u_s^2 + S (2 u_p^2 + K u_a^2)),   S = sum of s_i^2,

where u_p is not zero if a product rounds its two operands, as TF32 does: a sum of K such products
at random signs carries, like each of them, sqrt(2) u_p of its size.

Independent errors of earlier steps add up in squares. From step to step they grow by the cell's
`gain`, which is below 1: relu and tanh are 1-Lipschitz and ||W_h||_2 = g < 1 by construction of the
inputs, so theirs is g^2; those of gru and lstm stand with their formulas in `reference.cells`.

    memory = 1 + gain + ... + gain^(T-1) = (1 - gain^T) / (1 - gain).

In a stack the error e of a layer's input enters each step of the next through W_x, whose columns
have unit gain, and counts by the slopes of the slots that x fills. What an earlier step's error has
become since has passed through W_h, another random orthogonal matrix for each layer, so these, too,
add up in squares:

    e_k^2 = memory * (step_k^2 + S_x e_{k-1}^2),   e_0 = 0,   S_x = sum of s_i^2 over x's slots.

The largest of N such errors stays below sqrt(2 ln 2N) standard deviations:

    tolerance = sqrt(2 ln 2N) * e_layers,   of one layer sqrt(2 ln 2N) * sqrt(memory) * step.

The recursion of the backward pass contracts in the same way. It also reads what the forward pass
saved, each number of which was rounded to storage once more, and the weight gradients made from it
sum T B terms more, which K then counts. Through a stack it goes downwards: the same recursion.
Steps in the padding commit no error and are in no sum: T B is then the sum of all lengths.
"""

from math import log, sqrt

import jax.numpy as jnp
import numpy as np
from jaxtyping import ArrayLike

from bench.cases.dtypes import FORMATS
from bench.cases.workloads import Workload
from reference import CELLS, RECURRENT_GAIN
from reference.oracle import wide


def unit_roundoff(dtype: str) -> float:
    """Half the distance from 1 to the next number."""
    return float(jnp.finfo(dtype).eps) / 2


def tolerance(workload: Workload, dtype: str, cell: str, phase: str = "forward") -> float:
    """The largest `deviation` that rounding explains in this pass."""
    w, kind, stored_as = workload, CELLS[cell], FORMATS[dtype]
    slopes, gain = sum(slope**2 for slope in kind.slopes), kind.gain(RECURRENT_GAIN**2)
    accumulator = jnp.promote_types(stored_as.storage, jnp.float32).name
    summed, stored = 0, len(kind.states) + slopes
    if phase != "forward":
        summed, stored = w.steps, stored + len(kind.saved)
    memory, error = (1 - gain**w.T) / (1 - gain), 0.0
    for inputs in (w.I, *[w.ways * w.H] * (w.layers - 1)):
        sums = (inputs + w.H + summed) * unit_roundoff(accumulator) ** 2
        step = sqrt(
            stored * unit_roundoff(stored_as.storage) ** 2
            + slopes * (2 * stored_as.product_roundoff**2 + sums)
        )
        through_x = sum(slope**2 for slope in kind.slopes[: kind.from_x]) * error**2
        error = sqrt(memory) * sqrt(step**2 + through_x)
    values = w.steps * max(w.ways * w.H, w.O)
    return sqrt(2 * log(2 * max(values, 1))) * error


def deviation(got: ArrayLike, want: ArrayLike, unit: float = 1.0) -> float:
    """Largest absolute difference over the largest value expected, or over `unit` if that is more.

    Infinite where one has a NaN or an infinity and the other does not have the same.
    """
    got, want = wide(got), wide(want)
    if got.shape != want.shape:
        return float("inf")
    same = (got == want) | (np.isnan(got) & np.isnan(want))
    with np.errstate(invalid="ignore"):
        difference = np.where(same, 0, np.abs(got - want))
    largest = np.max(difference, initial=0)
    scale = np.max(np.abs(want), initial=unit, where=np.isfinite(want))
    if np.isnan(largest) or largest > 0 == scale:
        return float("inf")
    return float(largest / scale) if largest else 0.0
