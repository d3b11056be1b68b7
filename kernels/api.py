"""The functions that users call: arguments checked, a kernel chosen, then run where x lies."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import no_type_check

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

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
from kernels.model import arguments, checks, direction, states
from kernels.model.direction import Method
from kernels.model.stack import stack
from kernels.registry import KERNELS, choose, fastest
from reference import CELLS, Layer, Params


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
    state: Float[Array, "B H"] | State | None = None,
    *,
    b_h: Float[Array, "..."] | None = None,
    cell: str = "relu",
    precision: str = "full",
    kernel: str | Kernel = "auto",
) -> tuple[Float[Array, "T B H"], Float[Array, "B H"] | State]:
    """All hidden states h, and the last state, from the pre-activations pre = x W_x + b.

    `cell` is a name of `reference.CELLS`, whose slots give X, R and the size of `b_h`: the bias of
    slots that x does not fill, zero without it. A state is h; for a cell that carries more beside
    it, a tuple that begins with h. Without `state` it is zero at first.

    Arrays share one dtype of bfloat16, float16, float32, float64, in which each state is stored;
    products accumulate in float32 (float64 for float64). `precision="tf32"` lets float32 products
    round their operands to 11 significant bits, on hardware that has TF32. `kernel` is "auto", a
    name of `available()` or a `kernels.contract.Kernel` of your own.

    Raises TypeError for a wrong dtype or kind of argument; ValueError for a wrong shape, an unknown
    name, or a kernel that cannot run this problem.
    """
    kind = arguments.cell(cell)
    named = arguments.recurrent(kind, pre, w_h, b_h) | states.named_state(kind, state)
    sizes = checks.arrays(named)
    method = _method(sizes, pre.dtype, cell, precision, kernel)
    b_h = jnp.zeros(kind.own * sizes["H"], pre.dtype) if b_h is None else b_h
    operands = Recurrent(w_h, b_h), pre, states.start(kind, state, sizes, pre.dtype)
    with _explain_forward_mode():
        h, last = across_devices(partial(_recurrence, method), operands, results=(1, 0))
    return h, states.as_given(kind, last)


@no_type_check
def rnn(
    params: Params,
    x: Float[Array, "T B I"],
    state: Float[Array, "B H"] | State | tuple[Layer, ...] | None = None,
    *,
    lengths: Int[Array, "B"] | None = None,
    cell: str = "relu",
    precision: str = "full",
    kernel: str | Kernel = "auto",
    chunk: int | None = None,
) -> tuple[Float[Array, "T B O"], Float[Array, "B H"] | State | tuple[Layer, ...]]:
    """The whole model: outputs of every step and the last state.

    The structure of `params`, a `reference.Params`, says how many layers there are and in which
    directions each runs; without a readout the outputs are the last layer's states, forward ones
    first. The state of one layer in one direction is as in `recurrence`; else it is a tuple of a
    `reference.Layer` of such states for each layer.

    `lengths` says how many steps of each row of the batch are its sequence, in any order; it may be
    traced. Outputs behind that are 0, the last state is the one at the end, and the reverse
    direction begins there. What lies behind the end, NaN too, reaches no output and no gradient.

    With `chunk` a gradient keeps one state every `chunk` steps and computes the others again: its
    memory grows with T / chunk + chunk, beside every layer's outputs (Chen et al.,
    arXiv:1604.06174). Everything else, and what is raised, is as in `recurrence`.
    """
    kind, params = arguments.cell(cell), arguments.params(params)
    sizes = arguments.sizes(kind, params, {"x": (x, "T B I")}, state)
    lengths = arguments.lengths(lengths, sizes[0]["T"], sizes[0]["B"])
    if chunk is not None:
        checks.positive("chunk", chunk)
        chunk = min(chunk, max(len(x), 1))
    at_once = {} if chunk is None else {"T": chunk}  # all that the kernel sees
    methods = tuple(
        _of_layer(layer, _method(each | at_once, x.dtype, cell, precision, kernel))
        for layer, each in zip(params.layers, sizes, strict=True)
    )
    starts = states.starts(kind, params, state, sizes, x.dtype)
    with _explain_forward_mode():
        operands = params, x, (starts, lengths)
        y, last = across_devices(partial(stack, methods, chunk), operands, results=(1, 0))
    return y, states.all_as_given(kind, params, last)


def _of_layer(layer: Layer, method: Method) -> Layer:
    """The method in each direction in which the layer runs."""
    backwards = replace(method, run=replace(method.run, reverse=True))
    return Layer(layer.forward and method, layer.reverse and backwards)


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
    """`direction.states` with its operands in the order of `across_devices`."""
    return direction.states(method, pre, weights, initial)
