"""Layers on top of each other, each in one direction or both, and the readout."""

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from kernels.model.chunks import chunked
from kernels.model.direction import Lengths, direction
from reference import Layer, Params

Methods = tuple[Layer, ...]  # of each direction of each layer
States = tuple[Layer, ...]


@partial(jax.jit, static_argnums=(0, 1))
def stack(
    methods: Methods,
    chunk: int | None,
    params: Params,
    x: Float[Array, "T B I"],
    start: tuple[States, Lengths],
) -> tuple[Float[Array, "T B O"], States]:
    """Outputs of every step, 0 in the padding, and the last states."""
    run = direction if chunk is None else partial(chunked, chunk)
    (states, lengths), y, last = start, x, []
    for n, layer in enumerate(params.layers):
        is_last, both = n == len(params.layers) - 1, None not in layer
        # One direction is read out together with its states: a kernel may do both at once.
        readout = params.readout if is_last and not both else None
        ways = [
            weights and run(method, weights, readout, y, state, lengths)
            for method, weights, state in zip(methods[n], layer, states[n], strict=True)
        ]
        y = jnp.concatenate([outputs for outputs, _ in filter(None, ways)], axis=2)
        if is_last and both:
            y = methods[n].forward.read_out(params.readout, y, lengths)
        last.append(Layer(*(way and way[1] for way in ways)))
    return y, tuple(last)
