"""`pallas`: the whole time loop in one `pl.pallas_call`, W_hh and the state resident.

XLA launches a product and an activation every step and passes the state through memory between
them. Here one program owns its rows of the batch for all T: nothing is launched or synchronised
inside the loop.
"""

from functools import partial

import jax
from jax.experimental import pallas as pl
from jaxtyping import Array, Float

from kernels import scan
from kernels.contract import Kernel, Problem
from kernels.numerics import activate, dot


def _forward_kernel(z_ref, w_ref, h0_ref, h_ref, *, activation: str, precision: str):
    w_hh = w_ref[...]

    def step(t, h):
        h = activate(z_ref[t] + dot(h, w_hh, precision), activation).astype(h.dtype)
        h_ref[t] = h
        return h

    jax.lax.fori_loop(0, z_ref.shape[0], step, h0_ref[...])


def forward(
    z: Float[Array, "T B H"],
    w_hh: Float[Array, "H H"],
    h0: Float[Array, "B H"],
    *,
    activation: str,
    precision: str,
) -> Float[Array, "T B H"]:
    """`kernels.contract.Forward` in one kernel, interpreted by XLA."""
    return pl.pallas_call(
        partial(_forward_kernel, activation=activation, precision=precision),
        out_shape=jax.ShapeDtypeStruct(z.shape, z.dtype),
        interpret=True,
        name="elman_forward",
    )(z, w_hh, h0)


def unavailable(platform: str) -> str | None:
    """Only the interpreter so far."""
    return None if platform == "cpu" else f"interpreted on CPU only; this is {platform}"


def unsupported(problem: Problem) -> str | None:
    """As `scan`: the interpreter is XLA."""
    return scan.unsupported(problem)


def emulated(platform: str) -> str | None:
    """Pallas has no CPU backend."""
    return "interpret mode: Pallas has no CPU backend, so a timing would say nothing of the kernel"


KERNEL = Kernel(forward, scan.backward, unavailable, unsupported, emulated)
