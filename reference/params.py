"""The weights of a model: layers of cells, and a readout of the last layer's states.

The structure of `Params` says how many layers there are and in which directions each one runs.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float, PRNGKeyArray

from reference.cells import CELLS, Cell

RECURRENT_GAIN = 0.9  # of `init`'s w_h, which shrinks a perturbation of the state at every step


class Weights(NamedTuple):
    """Of one direction of a layer. X, R and S count numbers, not slots: a slot has H of each.

    Columns lie slot after slot, in the order of the cell's `slots`. The bias may be `(1, S)`.
    """

    w_x: Float[Array, "I X"]
    w_h: Float[Array, "H R"]
    b: Float[Array, "... S"]


class Layer(NamedTuple):
    """What a layer has for each direction: weights, or a state. None: it does not run that way.

    The outputs of two directions lie side by side, forward first: the next layer's inputs.
    """

    forward: Any
    reverse: Any = None


class Readout(NamedTuple):
    """y = h w + b, of all outputs of the last layer. The bias may be `(1, O)`."""

    w: Float[Array, "D O"]
    b: Float[Array, "... O"]


class Params(NamedTuple):
    """A whole model. Without a readout its outputs are the states themselves."""

    layers: tuple[Layer, ...]
    readout: Readout | None = None


def single(weights: Weights, readout: Readout | None = None) -> Params:
    """One layer in one direction."""
    return Params((Layer(weights),), readout)


def stands_alone(params: Params) -> bool:
    """Whether there is one layer in one direction, whose state then needs no structure."""
    return len(params.layers) == 1 and None in params.layers[0]


def spread(params: Params, state: Any) -> tuple[Layer, ...]:
    """A state as a `Layer` for each of the params': one that stands alone is put in such a place.

    None is that of every direction. Pairs may be any tuples.
    """
    if state is not None and not stands_alone(params):
        return tuple(Layer(*each) for each in state)
    return tuple(Layer(*(way and state for way in layer)) for layer in params.layers)


def gathered(params: Params, states: tuple[Layer, ...]) -> Any:
    """And back: states as users have them."""
    if not stands_alone(params):
        return states
    return next(state for state in states[0] if state is not None)


def init(
    key: PRNGKeyArray,
    input_size: int,
    hidden_size: int,
    output_size: int,
    dtype: DTypeLike = jnp.float32,
    *,
    cell: str = "relu",
    layers: int = 1,
    bidirectional: bool = False,
) -> Params:
    """Draw the weights of a model for which long sequences neither explode nor die.

    Each slot's part of `w_h` is 0.9 times an orthogonal matrix (Saxe et al., arXiv:1312.6120): an
    Elman cell's activations are 1-Lipschitz, so a perturbation of the state shrinks by at least 0.9
    a step. The others are LeCun normal, biases normal with standard deviation 0.1. `dtype` is that
    of every leaf.
    """
    kind, ways = CELLS[cell], 2 if bidirectional else 1
    *keys, key_w, key_b = jax.random.split(key, layers * ways + 2)
    sizes = [input_size, *[ways * hidden_size] * (layers - 1)]
    drawn = [
        Layer(*(_weights(keys.pop(), kind, size, hidden_size) for _ in range(ways)))
        for size in sizes
    ]
    readout = Readout(_dense(key_w, (ways * hidden_size, output_size)), _bias(key_b, output_size))
    return jax.tree.map(lambda leaf: leaf.astype(dtype), Params(tuple(drawn), readout))


def _weights(key: PRNGKeyArray, cell: Cell, input_size: int, hidden_size: int) -> Weights:
    key_x, key_b, *keys_h = jax.random.split(key, 2 + cell.from_h)
    orthogonal = jax.nn.initializers.orthogonal(RECURRENT_GAIN)
    return Weights(
        w_x=_dense(key_x, (input_size, cell.from_x * hidden_size)),
        w_h=jnp.concatenate([orthogonal(each, (hidden_size,) * 2) for each in keys_h], axis=1),
        b=_bias(key_b, len(cell.slots) * hidden_size),
    )


def _dense(key: PRNGKeyArray, shape: tuple[int, int]) -> Float[Array, "K N"]:
    return jax.nn.initializers.lecun_normal()(key, shape)


def _bias(key: PRNGKeyArray, size: int) -> Float[Array, "N"]:
    return jax.nn.initializers.normal(0.1)(key, (size,))
