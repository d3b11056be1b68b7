"""Arrays padded with zeros to the sizes that tiles have."""

import jax.numpy as jnp
from jaxtyping import Array, Float

LEAST_UNITS = 64  # of one wgmma, and of one warpgroup


def power_of_two_units(H: int) -> int:
    """Triton's blocks are powers of two: the size in which W_h and the state are held."""
    return max(LEAST_UNITS, 1 << (H - 1).bit_length())


def pad(array: Float[Array, "..."], shape: tuple[int, ...]) -> Float[Array, "..."]:
    """Zeros up to `shape`, behind what is there."""
    return jnp.pad(array, [(0, to - size) for size, to in zip(array.shape, shape, strict=True)])
