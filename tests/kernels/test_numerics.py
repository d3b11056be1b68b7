"""How products accumulate, by what the compiler is given: a CPU's numbers do not show it."""

import jax
import jax.numpy as jnp
import pytest

from kernels.common.numerics import dot, sum_of_outer


@pytest.mark.parametrize(
    ("dtype", "precision", "tf32", "accumulator"),
    [
        ("float32", "full", False, "float32"),
        ("float32", "tf32", True, "float32"),
        ("bfloat16", "tf32", False, "float32"),
        ("bfloat16", "full", False, "float32"),
    ],
)
def test_only_float32_is_multiplied_in_tf32_and_only_where_wanted(
    dtype, precision, tf32, accumulator
):
    a = jnp.ones((2, 3, 4), dtype)
    for product, operands in ((dot, (a, a[0].T)), (sum_of_outer, (a, a))):
        (equation,) = jax.make_jaxpr(lambda *x, p=product: p(*x, precision))(*operands).eqns
        expected = equation.params["precision"]
        assert (expected == jax.lax.DotAlgorithmPreset.TF32_TF32_F32) == tf32
        assert tf32 or set(expected) == {jax.lax.Precision.HIGHEST}
        assert equation.params["preferred_element_type"] == accumulator
