"""dz_t = (dh_t + dz_{t+1} W_hh^T) * act'(h_t) as one launch, from the last step to the first."""

from functools import partial

import jax.numpy as jnp
from jaxtyping import Array, Float

from kernels.contract import Problem
from kernels.mosaic.block import Recurrence
from kernels.mosaic.config import Config, heuristic
from kernels.mosaic.launch import launch
from kernels.numerics import slope
from kernels.opaque import BACKWARD, opaque


def backward(
    dh: Float[Array, "T B H"],
    h: Float[Array, "T B H"],
    w_hh: Float[Array, "H H"],
    *,
    activation: str,
    precision: str,
    config: Config | None = None,
) -> Float[Array, "T B H"]:
    """`kernels.contract.Backward`; `config` replaces the heuristic's choice."""
    T, B, H = dh.shape
    problem = Problem(T, B, H, dh.dtype, activation, precision, "gpu")
    recurrence = Recurrence(partial(slope, activation=activation), units=H, reverse=True)
    config = config or heuristic(problem, inputs=2)

    @opaque(BACKWARD)
    def run(dh, h, w_hh):
        return (launch(recurrence, config, (dh, h), w_hh, jnp.zeros_like(dh[0])),)

    return run(dh, h, w_hh)[0]
