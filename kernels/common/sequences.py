"""Sequences of different lengths in one batch, and sequences that are read backwards.

A batch is as long as its longest sequence; the steps behind a sequence's end are padding.
"""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from kernels.contract import Run


def inside(lengths: Int[Array, "B"] | None, T: int) -> Bool[Array, "T B"] | None:
    """Which steps are no padding; None if there is none."""
    return None if lengths is None else jnp.arange(T)[:, None] < lengths


def without_padding(
    array: Float[Array, "T B N"], lengths: Int[Array, "B"] | None
) -> Float[Array, "T B N"]:
    """The array, with 0 in the padding, whatever lies there."""
    if lengths is None:
        return array
    return jnp.where(inside(lengths, len(array))[..., None], array, 0)


def where_inside(
    inside_t: Bool[Array, "B"] | None, made: tuple[Array, ...], otherwise: tuple[Array, ...]
) -> tuple[Array, ...]:
    """What a step made of each row, or something else for rows of which it is padding."""
    if inside_t is None:
        return made
    pairs = zip(made, otherwise, strict=True)
    return tuple(jnp.where(inside_t[:, None], *pair) for pair in pairs)


def before(
    run: Run,
    h: Float[Array, "T B H"],
    initial: Float[Array, "B H"],
    lengths: Int[Array, "B"] | None,
) -> Float[Array, "T B H"]:
    """The state that every step starts from; that of padding does not matter."""
    if not run.reverse:
        return jnp.concatenate([initial[None], h[:-1]])
    later = jnp.concatenate([h[1:], initial[None]])
    if lengths is None:
        return later
    is_last = jnp.arange(1, len(h) + 1)[:, None] == lengths
    return jnp.where(is_last[..., None], initial, later)
