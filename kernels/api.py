"""The functions that users call: arguments checked, a kernel chosen, then run where x lies."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import no_type_check

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from kernels.common import arguments, checks
from kernels.common.differentiation import Method, chunked_model, model, states
from kernels.common.sharding import across_devices
from kernels.contract import (
    DTYPES,
    PRECISIONS,
    Kernel,
    Problem,
    Recurrent,
    Run,
    State,
    current_platform,
)
from kernels.registry import KERNELS, choose, fastest
from reference import CELLS, Params


def available() -> dict[str, str | None]:
    """Every kernel's name, with None where it runs on this machine, else the reason why not."""
    platform = current_platform()
    return {name: kernel.unavailable(platform) for name, kernel in KERNELS.items()}


def auto(*, T: int, B: int, H: int, dtype: str, cell: str = "relu", precision: str = "full") -> str:
    """The name of the kernel that "auto" takes for such a problem on this machine.

    Raises ValueError for a size below 1, or an unknown name.
    """
    sizes = {"T": T, "B": B, "H": H}
    for axis, size in sizes.items():
        checks.positive(axis, size)
    checks.one_of("dtype", dtype, DTYPES)
    return fastest(_problem(sizes, jnp.dtype(dtype), cell, precision))


# The two public functions check their arguments themselves, in words a user reads; the checks
# that jaxtyping adds in tests would only get in first. Hence `no_type_check`.
@no_type_check
def recurrence(
    pre: Float[Array, "T B X"],
    w_h: Float[Array, "H R"],
    initial: Float[Array, "B H"] | State | None = None,
    *,
    b_h: Float[Array, "..."] | None = None,
    cell: str = "relu",
    precision: str = "full",
    kernel: str | Kernel = "auto",
) -> tuple[Float[Array, "T B H"], Float[Array, "B H"] | State]:
    """All hidden states h, and the last state, from the pre-activations pre = x W_x + b.

    `cell` is a name of `reference.CELLS`, whose slots give X, R and the size of `b_h`: the bias of
    slots that x does not fill, zero without it. A state is h; for a cell that carries more beside
    it, a tuple that begins with h. Without `initial` it is zero.

    Arrays share one dtype of bfloat16, float16, float32, float64, in which each state is stored;
    products accumulate in float32 (float64 for float64). `precision="tf32"` lets float32 products
    round their operands to 11 significant bits, on hardware that has TF32. `kernel` is "auto", a
    name of `available()` or a `kernels.contract.Kernel` of your own.

    Raises TypeError for a wrong dtype or kind of argument; ValueError for a wrong shape, an unknown
    name, or a kernel that cannot run this problem.
    """
    kind = arguments.cell(cell)
    named = arguments.recurrent(kind, pre, w_h, b_h) | arguments.state(kind, initial)
    sizes = checks.arrays(named)
    method = _method(sizes, pre.dtype, cell, precision, kernel)
    b_h = jnp.zeros(kind.own * sizes["H"], pre.dtype) if b_h is None else b_h
    operands = Recurrent(w_h, b_h), pre, arguments.start(kind, initial, sizes, pre.dtype)
    with _explain_forward_mode():
        h, last = across_devices(partial(_recurrence, method), operands, results=(1, 0))
    return h, arguments.as_given(kind, last)


@no_type_check
def rnn(
    params: Params,
    x: Float[Array, "T B I"],
    initial: Float[Array, "B H"] | State | None = None,
    *,
    cell: str = "relu",
    precision: str = "full",
    kernel: str | Kernel = "auto",
    chunk: int | None = None,
) -> tuple[Float[Array, "T B O"], Float[Array, "B H"] | State]:
    """The whole model: outputs of every step and the last state.

    `params` is a `reference.Params` of one layer in one direction; without a readout the outputs
    are the states h. With `chunk` a gradient keeps one state every `chunk` steps and computes the
    others again, so that its memory grows with T / chunk + chunk (Chen et al., arXiv:1604.06174).
    Everything else, and what is raised, is as in `recurrence`.
    """
    kind = arguments.cell(cell)
    params = arguments.one_layer(params)
    named = {"x": (x, "T B I")} | arguments.weights(kind, params)
    sizes = checks.arrays(named | arguments.state(kind, initial))
    if chunk is not None:
        checks.positive("chunk", chunk)
        sizes["T"] = chunk = min(chunk, max(sizes["T"], 1))  # all that the kernel sees at once
    method = _method(sizes, x.dtype, cell, precision, kernel)
    run = partial(model, method) if chunk is None else partial(chunked_model, method, chunk)
    operands = params, x, arguments.start(kind, initial, sizes, x.dtype)
    with _explain_forward_mode():
        y, last = across_devices(run, operands, results=(1, 0))
    return y, arguments.as_given(kind, last)


@contextmanager
def _explain_forward_mode() -> Iterator[None]:
    """JAX's own error says what a kernel lacks, but not which one has it."""
    try:
        yield
    except TypeError as error:
        if "forward-mode" not in str(error):
            raise
        raise TypeError(
            "this kernel has no forward-mode derivative: for jvp, jacfwd or linearize use "
            "kernel='scan-autodiff'"
        ) from error


def _method(
    sizes: checks.Sizes, dtype: jnp.dtype, cell: str, precision: str, kernel: str | Kernel
) -> Method:
    problem = _problem(sizes, dtype, cell, precision)
    return Method(choose(kernel, problem), Run(CELLS[cell], precision))


def _problem(sizes: checks.Sizes, dtype: jnp.dtype, cell: str, precision: str) -> Problem:
    """On the current platform."""
    arguments.cell(cell)
    checks.one_of("precision", precision, PRECISIONS)
    size = {axis: sizes[axis] for axis in "TBH"}
    return Problem(**size, dtype=dtype, cell=cell, precision=precision, platform=current_platform())


@partial(jax.jit, static_argnums=0)
def _recurrence(
    method: Method, weights: Recurrent, pre: Float[Array, "T B X"], initial: State
) -> tuple[Float[Array, "T B H"], State]:
    """`states` with its operands in the order of `across_devices`."""
    return states(method, pre, weights, initial)
