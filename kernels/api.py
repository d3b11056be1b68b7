"""The functions that users call: arguments checked, a kernel chosen, then run where x lies."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import no_type_check

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from kernels.common.sharding import across_devices, on_every_device
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
from kernels.model.prepared import Prepared, as_given, for_inference, prepared
from kernels.model.stack import stack
from kernels.registry import KERNELS, choose, fastest, fastest_packed
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


# The public functions check their arguments themselves, in words a user reads; the checks
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
    problem = _problem(sizes, pre.dtype, cell, precision)
    method = Method(choose(kernel, problem), Run(kind, precision))
    b_h = jnp.zeros(kind.own * sizes["H"], pre.dtype) if b_h is None else b_h
    operands = Recurrent(w_h, b_h), pre, states.start(kind, state, sizes, pre.dtype)
    with _explain_forward_mode():
        h, last = across_devices(partial(_recurrence, method), operands, results=(1, 0))
    return h, states.as_given(kind, last)


@no_type_check
def rnn(
    params: Params | Prepared,
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

    The structure of `params`, a `reference.Params` or what `prepare` made of one, says how many
    layers there are and in which directions each runs; without a readout the outputs are the last
    layer's states, forward ones first. The state of one layer in one direction is as in
    `recurrence`; else it is a tuple of a `reference.Layer` of such states for each layer.

    `lengths` says how many steps of each row of the batch are its sequence, in any order; it may be
    traced. Outputs behind that are 0, the last state is the one at the end, and the reverse
    direction begins there. What lies behind the end, NaN too, reaches no output and no gradient.

    With `chunk` a gradient keeps one state every `chunk` steps and computes the others again: its
    memory grows with T / chunk + chunk, beside every layer's outputs (Chen et al.,
    arXiv:1604.06174). Everything else, and what is raised, is as in `recurrence`.
    """
    kind, model = arguments.cell(cell), as_given(params, cell, kernel)
    sizes = arguments.sizes(kind, model.like, {"x": (x, "T B I")}, state)
    lengths = arguments.lengths(lengths, sizes[0]["T"], sizes[0]["B"])
    if chunk is not None:
        checks.positive("chunk", chunk)
        chunk = min(chunk, max(len(x), 1))
    at_once = {} if chunk is None else {"T": chunk}  # all that the kernel sees
    methods = tuple(
        _of_layer(layer, _method(each | at_once, x.dtype, cell, precision, model))
        for layer, each in zip(model.like.layers, sizes, strict=True)
    )
    starts = states.starts(kind, model.like, state, sizes, x.dtype)
    operands = model.arrays, x, (starts, lengths)
    if isinstance(params, Prepared):
        operands = for_inference(operands)
    with _explain_forward_mode():
        y, last = across_devices(partial(stack, methods, chunk), operands, results=(1, 0))
    return y, states.all_as_given(kind, model.like, last)


@no_type_check
def prepare(params: Params, *, cell: str = "relu", kernel: str | Kernel = "auto") -> Prepared:
    """The params as a kernel's forward pass reads them, for `rnn` and `step` in their place.

    What `native` otherwise does to the weights in every call is done once. The result is a pytree
    of arrays, for inference: it has no derivative. "auto" is `native` where that runs, else `scan`.

    Raises as `rnn` does.
    """
    kind, params = arguments.cell(cell), arguments.params(params)
    sizes = arguments.sizes(kind, params)
    dtype = jax.tree.leaves(params)[0].dtype
    problems = [_problem({"T": 1, "B": 1, "H": each["H"]}, dtype, cell, "full") for each in sizes]
    kernel = fastest_packed(problems[0]) if kernel == "auto" else kernel
    chosen = [choose(kernel, problem) for problem in problems]
    whole = chosen[0].whole
    return prepared(on_every_device(params), kind, kernel, whole and whole.packing)


@no_type_check
def step(
    params: Prepared,
    x: Float[Array, "B I"],
    state: Float[Array, "B H"] | State | tuple[Layer, ...] | None = None,
) -> tuple[Float[Array, "B O"], Float[Array, "B H"] | State | tuple[Layer, ...]]:
    """The next step of a stream or of decoding: its outputs and the state after it.

    `params` are what `prepare` gives, of layers that run forward alone. Call it under `jax.jit`:
    the checks of arguments then run once. Raises as `rnn` does.
    """
    if not isinstance(params, Prepared):
        raise TypeError(f"params is a {type(params).__name__}; expected what kernels.prepare gives")
    if any(layer.reverse for layer in params.like.layers):
        raise ValueError("params has a layer that runs in reverse; a step can only go forward")
    checks.arrays({"x": (x, "B I")})
    y, last = rnn(params, x[None], state, cell=params.cell)
    return y[0], last


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
    sizes: checks.Sizes, dtype: jnp.dtype, cell: str, precision: str, model: Prepared
) -> Method:
    problem = _problem(sizes, dtype, cell, precision)
    return Method(choose(model.kernel, problem), Run(CELLS[cell], precision), model.packed)


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
