"""vmap for a kernel that JAX cannot batch by itself: a mapped axis is only more rows of B."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from jax.custom_batching import custom_vmap
from jaxtyping import Array, Float, PyTree


def folding(call: Callable[..., PyTree]) -> Callable[..., PyTree]:
    """`call(weights, *arrays)` that under vmap folds the mapped axis into B.

    `weights` is an array or a tree of them, `arrays` and results are (..., B, features). Where a
    weight itself is mapped, the calls are made one after the other.
    """

    @custom_vmap
    def run(weights, *arrays):
        return call(weights, *arrays)

    @run.def_vmap
    def _(size, mapped, weights, *arrays):
        def over_all(leaf, is_mapped):
            return leaf if is_mapped else jnp.broadcast_to(leaf, (size, *leaf.shape))

        if any(jax.tree.leaves(mapped[0])):
            every = jax.tree.map(over_all, (weights, *arrays), tuple(mapped))
            results = jax.lax.map(lambda each: run(*each), every)
        else:
            folded = map(_fold, map(over_all, arrays, mapped[1:]))
            results = jax.tree.map(partial(_unfold, size), run(weights, *folded))
        return results, jax.tree.map(lambda _: True, results)

    return run


def _fold(array: Float[Array, "N *T B H"]) -> Float[Array, "*T N*B H"]:
    array = jnp.moveaxis(array, 0, -3)
    return array.reshape(*array.shape[:-3], -1, array.shape[-1])


def _unfold(size: int, array: Float[Array, "*T NB H"]) -> Float[Array, "N *T B H"]:
    *T, rows, H = array.shape
    return jnp.moveaxis(array.reshape(*T, size, rows // size, H), -3, 0)
