"""`pallas`: the whole time loop in one portable `pl.pallas_call`, W_hh and the state resident.

XLA launches a product and an activation every step and passes the state through memory between
them. Here one program owns its rows of the batch for all T: nothing is launched inside the loop.

On a GPU it is compiled by Pallas's Triton backend, which JAX has deprecated in favour of Mosaic
GPU and will remove. Its machine code for Hopper has been examined; it has not run on a GPU yet.
"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jaxtyping import Array, Float

from kernels import scan
from kernels.common.numerics import dot
from kernels.common.opaque import BACKWARD, FORWARD, opaque
from kernels.common.padding import pad, power_of_two_units
from kernels.common.sharding import result_like, varying
from kernels.contract import Kernel, Problem
from reference.cells.elman import activate, slope

try:
    from jax.experimental.pallas import triton as backend
except ImportError:  # removed, as announced
    backend = None

TILE = 16  # rows of the batch that a program owns
SHARED = 227  # KiB of shared memory that a program may have on Hopper


def forward(
    z: Float[Array, "T B H"],
    w_hh: Float[Array, "H H"],
    h0: Float[Array, "B H"],
    *,
    activation: str,
    precision: str,
) -> Float[Array, "T B H"]:
    """`kernels.contract.Forward` in one kernel."""
    kernel = partial(_forward_kernel, H=len(w_hh), activation=activation, precision=precision)
    return opaque(FORWARD)(lambda z, w_hh, h0: _launch(kernel, w_hh, z, h0))(z, w_hh, h0)[0]


def backward(
    dh: Float[Array, "T B H"],
    h: Float[Array, "T B H"],
    w_hh: Float[Array, "H H"],
    *,
    activation: str,
    precision: str,
) -> Float[Array, "T B H"]:
    """`kernels.contract.Backward` in one kernel."""
    kernel = partial(_backward_kernel, H=len(w_hh), activation=activation, precision=precision)
    return opaque(BACKWARD)(lambda dh, h, w_hh: _launch(kernel, w_hh, dh, h))(dh, h, w_hh)[0]


# Each step loads what the next one needs before its own product, so that none waits for memory.


def _forward_kernel(w_ref, z_ref, h0_ref, h_ref, *, H: int, activation: str, precision: str):
    w, T = w_ref[...], len(z_ref)

    def step(t, carry):
        state, z_t = carry
        ahead = z_ref[jnp.minimum(t + 1, T - 1)]
        state = activate(z_t + dot(state, w, precision), activation)
        h_ref[t] = state = _mask_padding(state, H).astype(h_ref.dtype)
        return state, ahead

    jax.lax.fori_loop(0, T, step, (h0_ref[...], z_ref[0]))


def _backward_kernel(w_ref, dh_ref, h_ref, dz_ref, *, H: int, activation: str, precision: str):
    w, T = w_ref[...].T, len(dh_ref)

    def step(i, carry):
        state, dh_t, h_t = carry
        t = T - 1 - i
        before = jnp.maximum(t - 1, 0)
        ahead = dh_ref[before], h_ref[before]
        state = slope(dh_t + dot(state, w, precision), h_t, activation)
        dz_ref[t] = state = _mask_padding(state, H).astype(dz_ref.dtype)
        return state, *ahead

    last = dh_ref[T - 1], h_ref[T - 1]
    jax.lax.fori_loop(0, T, step, (jnp.zeros_like(last[0]), *last))


def _mask_padding(state: Float[Array, "tile units"], H: int) -> Float[Array, "tile units"]:
    """Zero in the padding: Inf times a zero of padded W_hh is NaN, and would spread from there."""
    if state.shape[1] == H:
        return state
    return jnp.where(jax.lax.broadcasted_iota(jnp.int32, state.shape, 1) < H, state, 0)


def _launch(
    kernel: Callable, w_hh: Float[Array, "H H"], sequence: Float[Array, "T B H"], other: Array
) -> tuple[Float[Array, "T B H"]]:
    """A program for every tile of the batch, over arrays (..., B, H) padded to what it takes."""
    _, B, H = sequence.shape
    rows, units = -(-B // TILE) * TILE, power_of_two_units(H)
    w_hh = pad(w_hh, (units, units))
    sequence = pad(sequence, (*sequence.shape[:-2], rows, units))
    other = pad(other, (*other.shape[:-2], rows, units))
    call = partial(
        pl.pallas_call,
        kernel,
        grid=(rows // TILE,),
        in_specs=[pl.BlockSpec(w_hh.shape, lambda tile: (0, 0)), _tile(sequence), _tile(other)],
        out_specs=_tile(sequence),
        out_shape=result_like(sequence, sequence.shape),
    )
    compiled = {"cuda": call(compiler_params=_compiler_params(units))} if backend else {}
    interpreted = partial(_interpreted, call(interpret=True))
    run = partial(jax.lax.platform_dependent, cpu=interpreted, **compiled)
    return (run(w_hh, sequence, other)[:, :B, :H],)


def _interpreted(call: Callable[..., Array], *arrays: Array) -> Array:
    """The call; inside `jax.shard_map` as one exported function.

    What the interpreter itself traces does not say over which axes of a mesh it varies.
    """
    axes = tuple(varying(arrays[0]))
    if not axes:
        return call(*arrays)
    types = (jax.ShapeDtypeStruct(array.shape, array.dtype) for array in arrays)
    exported = jax.export.export(jax.jit(call), platforms=("cpu",))(*types)
    return jax.lax.pcast(exported.call(*arrays), axes, to="varying")


def _compiler_params(units: int):
    """Choose the Triton backend, with 16 hidden units a warp; no stages, as no load needs them."""
    return backend.CompilerParams(num_warps=units // 16, num_stages=1)


def _tile(array: Array) -> pl.BlockSpec:
    *steps, _, units = array.shape
    return pl.BlockSpec((*steps, TILE, units), lambda tile: (*[0] * len(steps), tile, 0))


def unavailable(platform: str) -> str | None:
    """Interpreted on CPU; on GPU as long as JAX has the backend."""
    if platform not in ("cpu", "gpu"):
        return f"compiled for NVIDIA GPUs, interpreted on CPU; this is {platform}"
    if platform == "gpu" and backend is None:
        return "this version of JAX no longer has Pallas's Triton backend; use 'mosaic' or 'triton'"
    return None


def unsupported(problem: Problem) -> str | None:
    """As `scan` on CPU, where the interpreter is XLA; on GPU what one program can hold."""
    if problem.platform == "cpu":
        return scan.unsupported(problem)
    if problem.dtype == jnp.float64:
        return "float64 is not compiled for GPU"
    if (problem.dtype, problem.precision) == (jnp.float32, "full") and problem.H > 64:
        return f"H {problem.H} in full float32 spills registers; up to H 64, or tf32, does not"
    return _too_large(problem)


def _too_large(problem: Problem) -> str | None:
    H, units = problem.H, power_of_two_units(problem.H)
    kib = units**2 * problem.dtype.itemsize // 1024
    if kib >= SHARED:
        return f"H {H} needs {kib} KiB for W_hh (as {units} x {units}); one SM holds {SHARED} KiB"
    if problem.T * (problem.B + TILE) * units >= 2**31:
        return f"T {problem.T} x B {problem.B} x H {H} is beyond the 32-bit offsets of the backend"
    return None


def emulated(platform: str) -> str | None:
    """Pallas has no CPU backend."""
    if platform != "cpu":
        return None
    return "interpret mode: Pallas has no CPU backend, so a timing would say nothing of the kernel"


KERNEL = Kernel(forward, backward, unavailable, unsupported, emulated)
