"""One cell of `flax.nnx` and its weights, and `flax.nnx.Linear`."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from kernels.convert import shared
from reference import CELLS, Weights
from reference.cells import Cell

CELL_OF = {
    "SimpleCell": "relu",  # or tanh, as its activation says
    "GRUCell": "gru",
    "OptimizedLSTMCell": "lstm",
    "LSTMCell": "lstm",
}
# An LSTMCell has a layer for each gate of input and state, and Python has a word "if".
ONE_BY_ONE = ("ii", "if_", "ig", "io"), ("hi", "hf", "hg", "ho")


def name_of(nnx: Any, place: str, cell: Any) -> str:
    """What we call such a cell of Flax. `place` is where it stands in the argument.

    Raises TypeError for another one, ValueError for one that is residual or of other activations
    than ours.
    """
    shared.expect(place, cell, *(getattr(nnx, name) for name in CELL_OF))
    _check_functions(nnx, place, cell)
    if isinstance(cell, nnx.SimpleCell):
        return cell.activation_fn.__name__
    return next(own for name, own in CELL_OF.items() if isinstance(cell, getattr(nnx, name)))


def weights_of(nnx: Any, cell: Any, name: str) -> Weights:
    """Its weights as ours, for the name that we have for it."""
    return shared.together(CELLS[name], _halves(nnx, cell), shared.TORCH[name])


def made(nnx: Any, cell: Cell, weights: Weights) -> Any:
    """A cell of Flax so weighted."""
    halves = shared.apart(cell, weights, shared.TORCH[cell.name])
    new = _new(nnx, cell.name, *weights.w_x.shape[:1], len(weights.w_h), halves.w_h.dtype)
    # Flax has one bias where it can: a gru needs both, an lstm's is beside the state.
    b_x, b_h = {"gru": halves[2:], "lstm": (None, halves.b_x)}.get(cell.name, (halves.b_x, None))
    new.dense_i, new.dense_h = linear(nnx, halves.w_x, b_x), linear(nnx, halves.w_h, b_h)
    return new


def linear(nnx: Any, kernel: Float[Array, "K N"], bias: Float[Array, "N"] | None) -> Any:
    """A `flax.nnx.Linear` so weighted."""
    made = nnx.Linear(*kernel.shape, use_bias=bias is not None, **_options(nnx, kernel.dtype))
    made.kernel = nnx.Param(kernel)
    if bias is not None:
        made.bias = nnx.Param(bias)
    return made


def dense(linear: Any) -> tuple[Float[Array, "K N"], Float[Array, "N"]]:
    """Kernel and bias of a `flax.nnx.Linear`."""
    kernel = linear.kernel[...]
    return kernel, shared.no_bias(kernel) if linear.bias is None else linear.bias[...]


def _check_functions(nnx: Any, place: str, cell: Any) -> None:
    """A cell with other activations than ours has no counterpart."""
    allowed = {"activation_fn": (nnx.tanh,), "gate_fn": (nnx.sigmoid,)}
    if isinstance(cell, nnx.SimpleCell):
        shared.expect_options(place, cell, {"residual": False})
        allowed = {"activation_fn": (nnx.relu, nnx.tanh)}
    for option, functions in allowed.items():
        if (found := getattr(cell, option)) not in functions:
            name = getattr(found, "__name__", repr(found))
            expected = " or ".join(function.__name__ for function in functions)
            raise ValueError(f"{place} has {option} {name}; expected flax.nnx's {expected}")


def _halves(nnx: Any, cell: Any) -> shared.Halves:
    if isinstance(cell, nnx.LSTMCell):
        halves = ([dense(getattr(cell, name)) for name in names] for names in ONE_BY_ONE)
        (w_x, b_x), (w_h, b_h) = (
            [jnp.concatenate(gates, axis=-1) for gates in zip(*half, strict=True)]
            for half in halves
        )
    else:
        (w_x, b_x), (w_h, b_h) = dense(cell.dense_i), dense(cell.dense_h)
    return shared.Halves(w_x, w_h, b_x, b_h)


def _new(nnx: Any, cell: str, I: int, H: int, dtype: jnp.dtype) -> Any:  # noqa: E741
    options = _options(nnx, dtype) | {"recurrent_kernel_init": nnx.initializers.zeros_init()}
    if cell == "gru":
        return nnx.GRUCell(I, H, **options)
    if cell == "lstm":
        return nnx.OptimizedLSTMCell(I, H, **options)
    return nnx.SimpleCell(I, H, activation_fn=getattr(nnx, cell), **options)


def _options(nnx: Any, dtype: jnp.dtype) -> dict[str, Any]:
    """Zeros until they are replaced: Flax's own start is not to be had in bfloat16."""
    zeros = nnx.initializers.zeros_init()
    return {"dtype": dtype, "param_dtype": dtype, "kernel_init": zeros, "rngs": nnx.Rngs(0)}
