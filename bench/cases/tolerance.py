r"""How far a correct kernel may be from the float64 oracle, derived from dtype and shape.

Every step commits, per element, two storage roundings (z and H_t) of at most u_s and the rounding
of K = I + H accumulated terms, which random-walks to sqrt(K) u_a (Higham & Mary, "A new approach
to probabilistic rounding error analysis", 2019). All inputs have unit scale, so

    step = sqrt(2 u_s^2 + 2 u_p^2 + K u_a^2),

where u_p is not zero if a product rounds its two operands, as TF32 does: a sum of K such products
at random signs carries, like each of them, sqrt(2) u_p of its size.

relu and tanh are 1-Lipschitz and ||W_hh||_2 = g < 1 by construction of the inputs, so independent
errors of earlier steps add up in squares, shrunk by g^2 a step:

    memory = 1 + g^2 + ... + g^{2(T-1)} = (1 - g^{2T}) / (1 - g^2).

The largest of N such errors stays below sqrt(2 ln 2N) standard deviations:

    tolerance = sqrt(2 ln 2N) * sqrt(memory) * step.

The recursion of the backward pass contracts in the same way, and the weight gradients made from
it sum T B terms more, which K then counts.
"""

from math import log, sqrt

import jax.numpy as jnp
import numpy as np
from jaxtyping import ArrayLike

from bench.cases.dtypes import FORMATS
from bench.cases.workloads import Workload
from reference import RECURRENT_GAIN
from reference.oracle import wide


def unit_roundoff(dtype: str) -> float:
    """Half the distance from 1 to the next number."""
    return float(jnp.finfo(dtype).eps) / 2


def tolerance(workload: Workload, dtype: str, phase: str = "forward") -> float:
    """The largest `deviation` that rounding explains in this pass."""
    w, g2, kind = workload, RECURRENT_GAIN**2, FORMATS[dtype]
    accumulator = jnp.promote_types(kind.storage, jnp.float32).name
    terms = w.I + w.H + (w.T * w.B if phase != "forward" else 0)
    roundings = 2 * unit_roundoff(kind.storage) ** 2 + 2 * kind.product_roundoff**2
    step = sqrt(roundings + terms * unit_roundoff(accumulator) ** 2)
    memory = (1 - g2**w.T) / (1 - g2)
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
