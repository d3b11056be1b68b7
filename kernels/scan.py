"""`scan`: a jitted lax.scan with the input projection hoisted. The baseline of every speed-up."""

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from kernels.common.numerics import dot
from kernels.contract import Kernel, Problem
from reference.cells.elman import activate, slope


def forward(
    z: Float[Array, "T B H"],
    w_hh: Float[Array, "H H"],
    h0: Float[Array, "B H"],
    *,
    activation: str,
    precision: str,
    unroll: int = 1,
) -> Float[Array, "T B H"]:
    """`kernels.contract.Forward`, `unroll` steps to each trip of the loop."""

    def step(h, z_t):
        h = activate(z_t + dot(h, w_hh, precision), activation).astype(z.dtype)
        return h, h

    return jax.lax.scan(step, h0, z, unroll=unroll)[1]


def backward(
    dh: Float[Array, "T B H"],
    h: Float[Array, "T B H"],
    w_hh: Float[Array, "H H"],
    *,
    activation: str,
    precision: str,
    unroll: int = 1,
) -> Float[Array, "T B H"]:
    """`kernels.contract.Backward`, `unroll` steps to each trip of the loop."""

    def step(dz, now):
        dh_t, h_t = now
        dz = slope(dh_t + dot(dz, w_hh.T, precision), h_t, activation).astype(dh.dtype)
        return dz, dz

    return jax.lax.scan(step, jnp.zeros_like(dh[0]), (dh, h), reverse=True, unroll=unroll)[1]


def unsupported(problem: Problem) -> str | None:
    """TF32 is a format of NVIDIA's tensor cores; XLA offers it nowhere else."""
    if problem.precision == "tf32" and problem.platform != "gpu":
        return f"precision 'tf32' needs an NVIDIA GPU; this is {problem.platform}"
    return None


KERNEL = Kernel(forward, backward, unsupported=unsupported)
# The same scan, differentiated by JAX: what the hand-written backward pass is measured against.
AUTODIFF = Kernel(forward, backward=None, unsupported=unsupported)


def unrolled_by(factor: int) -> tuple[partial, partial]:
    """Both halves with `factor` steps to each trip of the loop."""
    return partial(forward, unroll=factor), partial(backward, unroll=factor)
