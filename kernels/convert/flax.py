"""Weights to and from `flax.nnx.RNN` of its simple cell, GRU or LSTM, and `flax.nnx.Linear`."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from kernels.convert import shared
from reference import CELLS, Params, Readout

CELL_OF = {
    "SimpleCell": "relu",  # or tanh, which has the same weights
    "GRUCell": "gru",
    "OptimizedLSTMCell": "lstm",
    "LSTMCell": "lstm",
}
# An LSTMCell has a layer for each gate of input and state, and Python has a word "if".
ONE_BY_ONE = ("ii", "if_", "ig", "io"), ("hi", "hf", "hg", "ho")


def from_flax(rnn: Any, linear: Any = None) -> Params:
    """The parameters of a `flax.nnx.RNN` of such a cell, and of the `Linear` on its states.

    Without `linear` there is no readout.

    Raises TypeError for another layer or cell, ValueError for a residual cell, one of other
    activations than ours, a reversed layer, or a `linear` that does not read the states.
    """
    nnx = shared.imported("flax.nnx")

    shared.expect("rnn", rnn, nnx.RNN)
    shared.expect("rnn.cell", rnn.cell, *(getattr(nnx, name) for name in CELL_OF))
    shared.expect_options("rnn", rnn, {"reverse": False})
    cell = next(own for name, own in CELL_OF.items() if isinstance(rnn.cell, getattr(nnx, name)))
    _check_functions(nnx, rnn.cell)
    weights = shared.together(CELLS[cell], _halves(nnx, rnn.cell), shared.TORCH[cell])
    if linear is None:
        return shared.model(weights, None)
    shared.expect("linear", linear, nnx.Linear)
    return shared.model(weights, Readout(*_dense(linear)))


def _check_functions(nnx: Any, cell: Any) -> None:
    """An activation is yours to pass on, but a cell with others than ours has no counterpart."""
    allowed = {"activation_fn": (nnx.tanh,), "gate_fn": (nnx.sigmoid,)}
    if isinstance(cell, nnx.SimpleCell):
        shared.expect_options("rnn.cell", cell, {"residual": False})
        allowed = {"activation_fn": (nnx.relu, nnx.tanh)}
    for option, functions in allowed.items():
        if (found := getattr(cell, option)) not in functions:
            name = getattr(found, "__name__", repr(found))
            expected = " or ".join(function.__name__ for function in functions)
            raise ValueError(f"rnn.cell has {option} {name}; expected flax.nnx's {expected}")


def _halves(nnx: Any, cell: Any) -> shared.Halves:
    if isinstance(cell, nnx.LSTMCell):
        halves = ([_dense(getattr(cell, name)) for name in names] for names in ONE_BY_ONE)
        (w_x, b_x), (w_h, b_h) = (
            [jnp.concatenate(gates, axis=-1) for gates in zip(*half, strict=True)]
            for half in halves
        )
    else:
        (w_x, b_x), (w_h, b_h) = _dense(cell.dense_i), _dense(cell.dense_h)
    return shared.Halves(w_x, w_h, b_x, b_h)


def _dense(linear: Any) -> tuple[Float[Array, "K N"], Float[Array, "N"]]:
    kernel = linear.kernel[...]
    return kernel, shared.no_bias(kernel) if linear.bias is None else linear.bias[...]


def to_flax(params: Params, *, cell: str = "relu") -> tuple[Any, Any]:
    """A time-major `flax.nnx.RNN` of the cell, and a `flax.nnx.Linear` or None, so weighted.

    A `GRUCell`'s layer `dense_h` is given a bias, for n_h, which Flax leaves out by default. An
    lstm becomes an `OptimizedLSTMCell`, whose carry is (c, h).
    """
    nnx = shared.imported("flax.nnx")

    kind, weights, readout = shared.checked(params, cell)
    halves = shared.apart(kind, weights, shared.TORCH[cell])
    made = _cell(nnx, cell, *halves.w_x.shape[:1], len(halves.w_h), halves.w_h.dtype)
    # Flax has one bias where it can: a gru needs both, an lstm's is beside the state.
    b_x, b_h = {"gru": halves[2:], "lstm": (None, halves.b_x)}.get(cell, (halves.b_x, None))
    made.dense_i, made.dense_h = _linear(nnx, halves.w_x, b_x), _linear(nnx, halves.w_h, b_h)
    linear = None if readout is None else _linear(nnx, readout.w, readout.b.reshape(-1))
    return nnx.RNN(made, time_major=True), linear


def _cell(nnx: Any, cell: str, I: int, H: int, dtype: jnp.dtype) -> Any:  # noqa: E741
    options = _options(nnx, dtype) | {"recurrent_kernel_init": nnx.initializers.zeros_init()}
    if cell == "gru":
        return nnx.GRUCell(I, H, **options)
    if cell == "lstm":
        return nnx.OptimizedLSTMCell(I, H, **options)
    return nnx.SimpleCell(I, H, activation_fn=getattr(nnx, cell), **options)


def _linear(nnx: Any, kernel: Float[Array, "K N"], bias: Float[Array, "N"] | None) -> Any:
    linear = nnx.Linear(*kernel.shape, use_bias=bias is not None, **_options(nnx, kernel.dtype))
    linear.kernel = nnx.Param(kernel)
    if bias is not None:
        linear.bias = nnx.Param(bias)
    return linear


def _options(nnx: Any, dtype: jnp.dtype) -> dict[str, Any]:
    """Zeros until they are replaced: Flax's own start is not to be had in bfloat16."""
    zeros = nnx.initializers.zeros_init()
    return {"dtype": dtype, "param_dtype": dtype, "kernel_init": zeros, "rngs": nnx.Rngs(0)}
