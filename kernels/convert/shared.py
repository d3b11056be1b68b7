"""What moving weights takes, whichever library they come from.

Where we have slots, other libraries have gates: each has columns in both weights and an element in
each of two biases, and the last gate of a gru, n, is what our n_x and n_h are to be added into.
"""

import importlib
from types import ModuleType
from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from kernels.model import arguments
from reference import Layer, Params, Readout, Weights
from reference.cells import Cell

Gates = tuple[str, ...]

# Every cell's gates in the order of the columns: of torch, which is that of cuDNN and Flax, too;
TORCH: dict[str, Gates] = {
    "relu": ("pre",),
    "tanh": ("pre",),
    "gru": ("r", "z", "n"),
    "lstm": ("i", "f", "g", "o"),
}
# and of ONNX (https://onnx.ai/onnx/operators/onnx__LSTM.html, where g is c, and onnx__GRU.html).
ONNX: dict[str, Gates] = TORCH | {"gru": ("z", "r", "n"), "lstm": ("i", "o", "f", "g")}


class Halves(NamedTuple):
    """A direction's weights with the biases of input and state apart, gate after gate."""

    w_x: Float[ArrayLike, "I G"]
    w_h: Float[ArrayLike, "H G"]
    b_x: Float[ArrayLike, "G"]
    b_h: Float[ArrayLike, "G"]


def columns(
    array: Float[ArrayLike, "*rows X"], have: tuple[str, ...], want: tuple[str, ...]
) -> Float[Array, "*rows X"]:
    """The same, its columns from one order of slots to another."""
    blocks = dict(zip(have, jnp.split(array, len(have), axis=-1), strict=True))
    return jnp.concatenate([blocks[name] for name in want], axis=-1)


def apart(cell: Cell, weights: Weights, gates: Gates) -> Halves:
    """Our weights as another library has them; a bias that both could hold is the input's."""
    in_x, in_h = _gates(cell)
    b_x, own = jnp.split(weights.b.reshape(-1), [weights.w_x.shape[1]])
    b_h = jnp.pad(own, (weights.w_h.shape[1] - len(own), 0))
    return Halves(
        columns(weights.w_x, in_x, gates),
        columns(weights.w_h, in_h, gates),
        columns(b_x, in_x, gates),
        columns(b_h, in_h, gates),
    )


def together(cell: Cell, halves: Halves, gates: Gates) -> Weights:
    """Another library's weights as ours: biases that meet in one slot are added."""
    w_x, w_h, b_x, b_h = _in_our_order(cell, halves, gates)
    size = len(w_h) * len(cell.slots)
    b = jnp.pad(b_x, (0, size - len(b_x))) + jnp.pad(b_h, (size - len(b_h), 0))
    return Weights(w_x, w_h, b)


def gradients(cell: Cell, of_halves: Halves, gates: Gates) -> Weights:
    """Derivatives by our weights, from those by what `apart` makes of them."""
    w_x, w_h, b_x, b_h = _in_our_order(cell, of_halves, gates)
    return Weights(w_x, w_h, jnp.concatenate([b_x, b_h[len(b_h) - len(w_h) * cell.own :]]))


def _in_our_order(cell: Cell, halves: Halves, gates: Gates) -> Halves:
    in_x, in_h = _gates(cell)
    return Halves(
        columns(halves.w_x, gates, in_x),
        columns(halves.w_h, gates, in_h),
        columns(halves.b_x, gates, in_x),
        columns(halves.b_h, gates, in_h),
    )


def _gates(cell: Cell) -> tuple[Gates, Gates]:
    """Of the slots that the input fills, and of those that the state is multiplied for."""
    gates = tuple(slot.partition("_")[0] for slot in cell.slots)
    return gates[: cell.from_x], gates[len(gates) - cell.from_h :]


def checked(params: Any, cell: str) -> tuple[Cell, Params]:
    """The cell, and params whose arrays fit it. Raises as `kernels.rnn` does for such params."""
    kind, params = arguments.cell(cell), arguments.params(params)
    arguments.sizes(kind, params)
    return kind, params


def outputs(layer: Layer) -> int:
    """How many features a layer of weights gives: as many as both directions have."""
    return sum(len(weights.w_h) for weights in layer if weights is not None)


def model(layers: tuple[Layer, ...], readout: Readout | None) -> Params:
    """Raises ValueError unless the readout reads as many features as the last layer gives."""
    expected = outputs(layers[-1])
    if readout is not None and (found := len(readout.w)) != expected:
        raise ValueError(
            f"linear reads {found} features; expected {expected}, as many as rnn gives"
        )
    return Params(layers, readout)


def imported(name: str) -> ModuleType:
    """The library. Raises ImportError, which says how to install it, where it is missing."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        package = name.partition(".")[0]
        raise ImportError(f"this needs {package}: install it with pip install {package}") from error


def expect(name: str, layer: object, *kinds: type) -> None:
    """Raises TypeError, which names the argument, for a layer of another kind."""
    if not isinstance(layer, kinds):
        *others, last = (kind.__name__ for kind in kinds)
        expected = f"{', '.join(others)} or {last}" if others else last
        whose = f"{kinds[0].__module__.split('.')[0]}'s"
        raise TypeError(f"{name} is a {type(layer).__name__}; expected {whose} {expected}")


def expect_options(name: str, layer: object, options: dict[str, Any]) -> None:
    """Raises ValueError, which names the option, where one has another value."""
    for option, expected in options.items():
        if (found := getattr(layer, option)) != expected:
            raise ValueError(f"{name} has {option} {found!r}; expected {expected!r}")


def no_bias(weights: Float[Array, "K N"]) -> Float[Array, "N"]:
    """Zeros, for a layer without one."""
    return jnp.zeros_like(weights[0])
