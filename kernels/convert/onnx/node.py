"""One recurrent node of ONNX, run by our kernels."""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from kernels import api
from kernels.contract import Kernel, State
from kernels.convert.onnx import arrays, attributes, scanned
from kernels.convert.onnx.attributes import Recurrent
from kernels.convert.shared import columns
from reference import CELLS, Params, Weights, variants

Given = dict[str, Array | None]


def onnx_node(
    node: Any, inputs: Sequence[Any], kernel: str | Kernel = "auto"
) -> tuple[Float[Array, "..."], ...]:
    """The outputs Y, Y_h (and Y_c of an LSTM) of an `onnx.NodeProto` RNN, GRU or LSTM.

    `inputs` are arrays in the node's order, None where one is left out: X, W, R, B, sequence_lens,
    initial_h, and for an LSTM initial_c and P. Axes and meaning are ONNX's, and where it leaves
    them open ONNX Runtime's: a sequence of length 0 has zeros for its last state. It can be
    differentiated and jitted in the arrays. Source: https://onnx.ai/onnx/operators

    `kernel` is as in `kernels.rnn`; a GRU whose reset gate comes before the product
    (linear_before_reset 0, ONNX's default) and an LSTM with peepholes have "auto" and "scan" alone.

    Raises TypeError and ValueError as `kernels.rnn` does; ValueError for an attribute that we have
    not: clip, activations other than the default (or an RNN's Relu), their alpha and beta, and
    input_forget 1; ImportError without `onnx`.
    """
    recurrent = attributes.read(node)
    given = arrays.checked(recurrent, inputs)
    if recurrent.batch_first:
        for name in {"X", "initial_h", "initial_c"} & set(given):
            given[name] = None if given[name] is None else given[name].swapaxes(0, 1)
    every = arrays.weights(recurrent, given["W"], given["R"], given["B"])
    ways = [_direction(recurrent, way, weights, given, kernel) for way, weights in enumerate(every)]
    Y = jnp.stack([h for h, _ in ways], axis=1)
    ends = (_at_end(given, last) for _, last in ways)
    last = [jnp.stack(each) for each in zip(*ends, strict=True)]
    if recurrent.batch_first:
        return Y.transpose(2, 0, 1, 3), *(each.swapaxes(0, 1) for each in last)
    return Y, *last


def _direction(
    node: Recurrent, way: int, weights: Weights, given: Given, kernel: str | Kernel
) -> tuple[Float[Array, "T B H"], State]:
    """All h and the last state of the node's direction of this number."""
    names = ("initial_h", "initial_c")[: len(CELLS[node.cells[way]].states)]
    initial = tuple(None if given[name] is None else given[name][way] for name in names)
    if variant := _variant(node, way, weights, given):
        what, step, extra = variant
        scanned.refuse_others(kernel, what)
        x, lengths, reverse = given["X"], _lengths(given), node.reverse[way]
        return scanned.direction(step, weights, extra, x, initial, lengths, reverse=reverse)
    params = Params((arrays.layer(node.reverse[way], weights),))
    options = {"cell": node.cells[way], "kernel": kernel, "lengths": given["sequence_lens"]}
    h, last = api.rnn(params, given["X"], _state(initial, given["X"], node.H), **options)
    return h, last if isinstance(last, tuple) else (last,)


def _variant(node: Recurrent, way: int, weights: Weights, given: Given) -> Any:
    """What only a scan has: its name, its step, and what that needs beside the weights."""
    if node.reset_before:
        b_n = weights.b[-node.H :]
        return "GRU with linear_before_reset 0", variants.gru_reset_before, b_n
    if given.get("P") is not None:
        peepholes = columns(given["P"][way], ("i", "o", "f"), ("i", "f", "o"))
        return "LSTM with peepholes", variants.lstm_with_peepholes, peepholes
    return None


def _state(initial: tuple[Any, ...], x: Float[Array, "T B I"], H: int) -> Any:
    """As `kernels.rnn` has it: of an LSTM's two parts one may be left out here."""
    if all(each is None for each in initial):
        return None
    zeros = jnp.zeros((x.shape[1], H), x.dtype)
    filled = tuple(zeros if each is None else each for each in initial)
    return filled if len(filled) > 1 else filled[0]


def _lengths(given: Given) -> Array:
    T, B, _ = given["X"].shape
    return jnp.full(B, T) if given["sequence_lens"] is None else given["sequence_lens"]


def _at_end(given: Given, last: State) -> State:
    """A sequence without a step has no last state: ONNX Runtime gives zeros."""
    return tuple(jnp.where((_lengths(given) > 0)[:, None], each, 0) for each in last)
