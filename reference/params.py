"""The weights of a model: layers of cells, and a readout of the last layer's states."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float, PRNGKeyArray

from reference.cells import CELLS

RECURRENT_GAIN = 0.9  # of `init`'s w_h, which shrinks a perturbation of the state at every step


class Weights(NamedTuple):
    """Of one direction of a layer. X, R and S count numbers, not slots: a slot has H of each.

    Columns lie slot after slot, in the order of the cell's `slots`. The bias may be `(1, S)`.
    """

    w_x: Float[Array, "I X"]
    w_h: Float[Array, "H R"]
    b: Float[Array, "... S"]


class Layer(NamedTuple):
    """One layer's directions; its reverse one is not there yet."""

    forward: Weights | None
    reverse: Weights | None = None


class Readout(NamedTuple):
    """y = h w + b. The bias may be `(1, O)`."""

    w: Float[Array, "H O"]
    b: Float[Array, "... O"]


class Params(NamedTuple):
    """A whole model. Without a readout its outputs are the states themselves."""

    layers: tuple[Layer, ...]
    readout: Readout | None = None


def single(weights: Weights, readout: Readout | None = None) -> Params:
    """One layer in one direction."""
    return Params((Layer(weights),), readout)


def init(
    key: PRNGKeyArray,
    input_size: int,
    hidden_size: int,
    output_size: int,
    dtype: DTypeLike = jnp.float32,
    *,
    cell: str = "relu",
) -> Params:
    """Draw one layer's weights for which long sequences neither explode nor die.

    Each slot's part of `w_h` is 0.9 times an orthogonal matrix (Saxe et al., arXiv:1312.6120): an
    Elman cell's activations are 1-Lipschitz, so a perturbation of the state shrinks by at least 0.9
    a step. The others are LeCun normal, biases normal with standard deviation 0.1. `dtype` is that
    of every leaf.
    """
    keys, kind = jax.random.split(key, 5), CELLS[cell]
    dense, bias = jax.nn.initializers.lecun_normal(), jax.nn.initializers.normal(0.1)
    orthogonal = jax.nn.initializers.orthogonal(RECURRENT_GAIN)
    recurrent = [
        orthogonal(each, (hidden_size, hidden_size))
        for each in jax.random.split(keys[1], kind.from_h)
    ]
    weights = Weights(
        w_x=dense(keys[0], (input_size, kind.from_x * hidden_size)),
        w_h=jnp.concatenate(recurrent, axis=1),
        b=bias(keys[2], (len(kind.slots) * hidden_size,)),
    )
    readout = Readout(w=dense(keys[3], (hidden_size, output_size)), b=bias(keys[4], (output_size,)))
    return jax.tree.map(lambda leaf: leaf.astype(dtype), single(weights, readout))
