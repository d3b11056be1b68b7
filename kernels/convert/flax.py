"""Weights to and from `flax.nnx.RNN` of a `SimpleCell`, and `flax.nnx.Linear`."""

from typing import Any

from kernels.common import checks
from kernels.convert.shared import expect, library, no_bias, reading_states, without_output
from reference import ACTIVATIONS, Params


def from_flax(rnn: Any, linear: Any = None) -> Params:
    """The parameters of a `flax.nnx.RNN` of a `SimpleCell`, and of the `Linear` on its states.

    Without `linear` the output layer is empty (O 0).

    Raises TypeError for another layer or cell, ValueError for a residual cell or a `linear` that
    does not read its states.
    """
    nnx = library("flax.nnx")

    expect("rnn", rnn, nnx.RNN)
    expect("rnn.cell", cell := rnn.cell, nnx.SimpleCell)
    if cell.residual:
        raise ValueError("rnn.cell has residual True; expected False")
    layer = cell.dense_i.kernel[...], cell.dense_h.kernel[...], cell.dense_i.bias[...]
    if linear is None:
        return without_output(*layer)
    expect("linear", linear, nnx.Linear)
    w_ho = linear.kernel[...]
    b_o = no_bias(w_ho) if linear.bias is None else linear.bias[...]
    return reading_states(Params(*layer, w_ho, b_o))


def to_flax(params: Params, activation: str = "relu") -> tuple[Any, Any]:
    """A time-major `flax.nnx.RNN` of a `SimpleCell`, and a `flax.nnx.Linear`, so weighted."""
    nnx = library("flax.nnx")

    checks.one_of("activation", activation, tuple(ACTIVATIONS))
    (I, H), O = params.w_xh.shape, params.w_ho.shape[1]  # noqa: E741
    shared = {"dtype": params.w_hh.dtype, "param_dtype": params.w_hh.dtype, "rngs": nnx.Rngs(0)}
    zeros = nnx.initializers.zeros_init()  # Flax's own, orthogonal, is not to be had in bfloat16
    act = ACTIVATIONS[activation]
    cell = nnx.SimpleCell(I, H, activation_fn=act, recurrent_kernel_init=zeros, **shared)
    linear = nnx.Linear(H, O, **shared)
    cell.dense_i.kernel, cell.dense_i.bias = (
        nnx.Param(params.w_xh),
        nnx.Param(params.b_h.reshape(H)),
    )
    cell.dense_h.kernel = nnx.Param(params.w_hh)
    linear.kernel, linear.bias = nnx.Param(params.w_ho), nnx.Param(params.b_o.reshape(O))
    return nnx.RNN(cell, time_major=True), linear
