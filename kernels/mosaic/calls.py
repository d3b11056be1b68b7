"""Both halves of the recurrence, each as one launch."""

from functools import partial

import jax.numpy as jnp
from jaxtyping import Array, Float

from kernels.common.opaque import BACKWARD, FORWARD, opaque
from kernels.contract import Problem
from kernels.mosaic.block import Recurrence
from kernels.mosaic.config import Config, heuristic
from kernels.mosaic.launch import launch
from reference.cells.elman import slope

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
    config = config or heuristic(_problem(z, activation, precision))
    recurrence = Recurrence(
        ACTIVATIONS[activation],
        units=len(w_hh),
        # The hardware's tanh is off by 2^-11 at most: inside half a unit of bfloat16 (2^-9) only.
        approximate=z.dtype == jnp.bfloat16,
    )

    @opaque(FORWARD)
    def run(z, w_hh, h0):
        return (launch(recurrence, config, (z,), w_hh.T, h0),)

    return run(z, w_hh, h0)[0]


def backward(
    dh: Float[Array, "T B H"],
    h: Float[Array, "T B H"],
    w_hh: Float[Array, "H H"],
    *,
    activation: str,
    precision: str,
    config: Config | None = None,
) -> Float[Array, "T B H"]:
    """`kernels.contract.Backward`, last step first; `config` replaces the heuristic's choice."""
    config = config or heuristic(_problem(dh, activation, precision), inputs=2)
    recurrence = Recurrence(partial(slope, activation=activation), units=len(w_hh), reverse=True)

    @opaque(BACKWARD)
    def run(dh, h, w_hh):
        return (launch(recurrence, config, (dh, h), w_hh, jnp.zeros_like(dh[0])),)

    return run(dh, h, w_hh)[0]


def _problem(sequence: Float[Array, "T B H"], activation: str, precision: str) -> Problem:
    return Problem(*sequence.shape, sequence.dtype, activation, precision, "gpu")
