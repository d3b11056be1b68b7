"""h_t = act(z_t + h_{t-1} W_hh) as one launch."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from kernels.contract import Problem
from kernels.mosaic.block import Recurrence
from kernels.mosaic.config import Config, heuristic
from kernels.mosaic.launch import launch
from kernels.opaque import FORWARD, opaque

# As in `reference`, whose `jax.nn.relu` carries a differentiation rule that Pallas does not lower.
ACTIVATIONS = {"relu": lambda pre: jnp.maximum(pre, 0.0), "tanh": jnp.tanh}


def forward(
    z: Float[Array, "T B H"],
    w_hh: Float[Array, "H H"],
    h0: Float[Array, "B H"],
    *,
    activation: str,
    precision: str,
    config: Config | None = None,
) -> Float[Array, "T B H"]:
    """`kernels.contract.Forward`; `config` replaces the heuristic's choice."""
    T, B, H = z.shape
    problem = Problem(T, B, H, z.dtype, activation, precision, "gpu")
    recurrence = Recurrence(
        ACTIVATIONS[activation],
        units=H,
        # The hardware's tanh is off by 2^-11 at most: inside half a unit of bfloat16 (2^-9) only.
        approximate=z.dtype == jnp.bfloat16,
    )
    config = config or heuristic(problem)

    @opaque(FORWARD)
    def run(z, w_hh, h0):
        return (launch(recurrence, config, (z,), w_hh.T, h0),)

    return run(z, w_hh, h0)[0]
