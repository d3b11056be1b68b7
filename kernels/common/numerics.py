"""Products in XLA, and how they accumulate."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def dot(a: Float[Array, "*M K"], b: Float[Array, "K N"], precision: str) -> Float[Array, "*M N"]:
    """Multiply, accumulating in float32 (float64 for float64).

    float32 operands stay float32 on every platform unless `precision` is "tf32".
    """
    return jnp.dot(a, b, **_accumulating(a, precision))


def accumulator(dtype: jnp.dtype) -> jnp.dtype:
    """In which products of this dtype are summed: float32, or float64."""
    return jnp.promote_types(dtype, jnp.float32)


def _accumulating(a: Float[Array, "..."], precision: str) -> dict[str, object]:
    tf32 = precision == "tf32" and a.dtype == jnp.float32
    algorithm = jax.lax.DotAlgorithmPreset.TF32_TF32_F32 if tf32 else "highest"
    return {"precision": algorithm, "preferred_element_type": accumulator(a.dtype)}


def sum_of_outer(
    a: Float[Array, "T B M"], b: Float[Array, "T B N"], precision: str
) -> Float[Array, "M N"]:
    """a^T b over all T B rows, accumulating as `dot` does.

    T and B stay apart: joined, rows divided over devices would first be gathered.
    """
    return jax.lax.dot_general(a, b, (((0, 1), (0, 1)), ((), ())), **_accumulating(a, precision))
