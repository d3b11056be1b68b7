"""vmap for a kernel that JAX cannot batch by itself: a mapped axis is only more rows of B."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.custom_batching import custom_vmap
from jaxtyping import Array, Float

Call = Callable[..., Float[Array, "T B H"]]  # of W_hh (H, H) and arrays (..., B, H)


def folding(call: Call) -> Call:
    """`call(w_hh, *arrays)` that under vmap folds the mapped axis into B.

    Where W_hh itself is mapped, the calls are made one after the other.
    """

    @custom_vmap
    def run(w_hh, *arrays):
        return call(w_hh, *arrays)

    @run.def_vmap
    def _(size, mapped, w_hh, *arrays):
        arrays = [
            array if is_mapped else jnp.broadcast_to(array, (size, *array.shape))
            for array, is_mapped in zip(arrays, mapped[1:], strict=True)
        ]
        if mapped[0]:
            return jax.lax.map(lambda each: run(*each), (w_hh, *arrays)), True
        return _unfold(run(w_hh, *map(_fold, arrays)), size), True

    return run


def _fold(array: Float[Array, "N *T B H"]) -> Float[Array, "*T N*B H"]:
    array = jnp.moveaxis(array, 0, -3)
    return array.reshape(*array.shape[:-3], -1, array.shape[-1])


def _unfold(array: Float[Array, "T NB H"], size: int) -> Float[Array, "N T B H"]:
    T, rows, H = array.shape
    return jnp.moveaxis(array.reshape(T, size, rows // size, H), 1, 0)
