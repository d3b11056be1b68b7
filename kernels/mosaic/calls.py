"""Both halves of the recurrence, each as one launch."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from kernels.contract import Problem, Run
from kernels.mosaic.block import Recurrence
from kernels.mosaic.config import Config, heuristic
from kernels.mosaic.launch import launch


def forward(
    run: Run,
    pre: Float[Array, "T B H"],
    w_h: Float[Array, "H H"],
    initial: Float[Array, "B H"],
    *,
    config: Config | None = None,
) -> Float[Array, "T B H"]:
    """All states; `config` replaces the heuristic's choice."""
    config = config or heuristic(_problem(run, pre))
    recurrence = Recurrence(
        lambda total: run.cell.step([total], ())[0][0],
        units=len(w_h),
        # The hardware's tanh is off by 2^-11 at most: inside half a unit of bfloat16 (2^-9) only.
        approximate=pre.dtype == jnp.bfloat16,
    )

    return launch(recurrence, config, (pre,), w_h.T, initial)


def backward(
    run: Run,
    dh: Float[Array, "T B H"],
    h: Float[Array, "T B H"],
    w_h: Float[Array, "H H"],
    *,
    config: Config | None = None,
) -> Float[Array, "T B H"]:
    """Every slot's derivative, last step first; `config` replaces the heuristic's choice."""
    config = config or heuristic(_problem(run, dh), inputs=2)
    recurrence = Recurrence(
        lambda total, h: run.cell.step_vjp((total,), (), (), (h,))[0][0],
        units=len(w_h),
        reverse=True,
    )

    return launch(recurrence, config, (dh, h), w_h, jnp.zeros_like(dh[0]))


def _problem(run: Run, sequence: Float[Array, "T B H"]) -> Problem:
    return Problem(*sequence.shape, sequence.dtype, run.cell.name, run.precision, "gpu")
