"""A direction of a layer in chunks of time, of which a gradient keeps only the first state."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from kernels.contract import State
from kernels.model.direction import Lengths, Method, Outputs, direction
from reference import Readout, Weights


def chunked(
    chunk: int,
    method: Method,
    weights: Weights,
    readout: Readout | None,
    x: Float[Array, "T B I"],
    initial: State,
    lengths: Lengths,
) -> Outputs:
    """`direction`, computed again chunk by chunk on the way back."""

    @jax.checkpoint
    def run(state, part):
        x_part, first = part
        rest = None if lengths is None else jnp.clip(lengths - first, 0, len(x_part))
        y, state = direction(method, weights, readout, x_part, state, rest)
        return state, y

    even, reverse = len(x) // chunk * chunk, method.run.reverse
    parts = x[:even].reshape(-1, chunk, *x.shape[1:]), jnp.arange(0, even, chunk, dtype=jnp.int32)
    if even == len(x):  # an empty rest, too, would be compiled
        state, y = jax.lax.scan(run, initial, parts, reverse=reverse)
        return y.reshape(even, *y.shape[2:]), state
    rest, state = (x[even:], jnp.int32(even)), initial
    if reverse:
        state, y_rest = run(state, rest)
    state, y = jax.lax.scan(run, state, parts, reverse=reverse)
    if not reverse:
        state, y_rest = run(state, rest)
    return jnp.concatenate([y.reshape(even, *y.shape[2:]), y_rest]), state
