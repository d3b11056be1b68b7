"""The Elman cell, relu or tanh (Elman, "Finding structure in time", 1990)."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

ACTIVATIONS = {"relu": jax.nn.relu, "tanh": jnp.tanh}


def activate(pre: Float[Array, "*S"], activation: str) -> Float[Array, "*S"]:
    """act(pre)."""
    return ACTIVATIONS[activation](pre)


def slope(
    upstream: Float[Array, "*S"], h: Float[Array, "*S"], activation: str
) -> Float[Array, "*S"]:
    """upstream * act'(h): relu passes it where h > 0 (as JAX does, not at 0), tanh scales it."""
    if activation == "relu":
        return jnp.where(h > 0, upstream, 0)
    h = h.astype(upstream.dtype)
    return upstream * (1 - h * h)
