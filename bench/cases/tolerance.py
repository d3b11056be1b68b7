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

The largest of N such errors stays below sqrt(2 ln 2N) standard deviations:

    tolerance = sqrt(2 ln 2N) * sqrt(memory) * step.

The recursion of the backward pass contracts in the same way. It also reads what the forward pass
saved, each number of which was rounded to storage once more, and the weight gradients made from it
sum T B terms more, which K then counts.
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
    terms, stored = w.I + w.H, len(kind.states) + slopes
    if phase != "forward":
        terms, stored = terms + w.T * w.B, stored + len(kind.saved)
    step = sqrt(
        stored * unit_roundoff(stored_as.storage) ** 2
        + slopes * (2 * stored_as.product_roundoff**2 + terms * unit_roundoff(accumulator) ** 2)
    )
    memory = (1 - gain**w.T) / (1 - gain)
    values = w.T * w.B * max(w.H, w.O)
    return sqrt(2 * log(2 * max(values, 1))) * sqrt(memory) * step


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
