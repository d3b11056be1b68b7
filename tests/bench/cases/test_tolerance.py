"""The tolerance lets rounding pass and nothing else."""

from dataclasses import replace
from math import inf, log, sqrt

import jax.numpy as jnp
import numpy as np
import pytest

from bench.cases.dtypes import FORMATS
from bench.cases.inputs import make_inputs
from bench.cases.tolerance import deviation, tolerance
from bench.cases.workloads import Workload, mission
from reference import oracle

SHAPE = mission(100)


def test_it_grows_with_steps_and_width_and_shrinks_with_precision():
    assert tolerance(mission(1), "float32") < tolerance(mission(10), "float32")
    wide = replace(SHAPE, H=1024)
    assert tolerance(SHAPE, "float32") < tolerance(wide, "float32")
    in_order = [tolerance(SHAPE, dtype) for dtype in ("float64", "float32", "tf32", "bfloat16")]
    assert in_order == sorted(in_order)


@pytest.mark.parametrize(
    ("dtype", "phase", "roundings", "sums"),
    [
        # Storage 2 u^2, operands of a product 2 u^2; (I + H, and T B backward) u^2 of the sums.
        ("tf32", "train", 2 * 2.0**-48 + 2 * 2.0**-22, (4 + 5 + 2 * 3) * 2.0**-48),
        ("bfloat16", "forward", 2 * 2.0**-16, (4 + 5) * 2.0**-48),
        ("float32", "backward", 2 * 2.0**-48, (4 + 5 + 2 * 3) * 2.0**-48),
    ],
)
def test_it_is_what_its_derivation_says(dtype, phase, roundings, sums):
    shape = Workload("any", T=2, B=3, I=4, H=5, O=7)
    largest, memory = sqrt(2 * log(2 * 42)), 1 + 0.9**2
    expected = largest * sqrt(memory) * sqrt(roundings + sums)
    assert tolerance(shape, dtype, phase) == pytest.approx(expected, rel=1e-12)


def test_one_number_and_none():
    ones = Workload("ones", T=1, B=1, I=1, H=1, O=1)
    expected = sqrt(2 * log(2) * 4) * 2.0**-53
    assert tolerance(ones, "float64") == pytest.approx(expected, rel=1e-12, abs=0)
    assert tolerance(replace(ones, T=0), "float64") == 0


def simulate(dtype, round_product):
    """The recurrence with states rounded to dtype, and products as the argument rounds them."""
    inputs, storage = make_inputs(SHAPE, dtype), jnp.dtype(FORMATS[dtype].storage)
    z, w, h = oracle.wide(inputs.z), oracle.wide(inputs.params.w_hh), oracle.wide(inputs.h0)
    states = []
    for z_t in z:
        h = np.maximum(z_t + round_product(h, w), 0).astype(storage).astype(float)
        states.append(h)
    want = oracle.recurrence(inputs.z, inputs.params.w_hh, inputs.h0, activation="relu")
    return deviation(np.stack(states), want)


def in_tf32(h, w):
    """Operands cut to TF32's ten bits of mantissa."""

    def cut(array):
        return (array.astype(np.float32).view(np.uint32) & 0xFFFFE000).view(np.float32)

    return cut(h).astype(float) @ cut(w)


def in_bfloat16(h, w):
    """A running sum kept in bfloat16, as a kernel with the wrong accumulator would."""
    total = np.zeros((h.shape[0], w.shape[1]))
    for k in range(0, h.shape[1], 16):
        total = (total + h[:, k : k + 16] @ w[k : k + 16]).astype(jnp.bfloat16).astype(float)
    return total


def one_column_stale(h, w):
    product = h @ w
    product[:, 7] = 0
    return product


@pytest.mark.parametrize(
    ("dtype", "product"),
    [("float32", lambda h, w: h @ w), ("bfloat16", lambda h, w: h @ w), ("tf32", in_tf32)],
)
def test_the_rounding_of_a_dtype_passes(dtype, product):
    assert simulate(dtype, product) <= tolerance(SHAPE, dtype)


@pytest.mark.parametrize(
    ("dtype", "product"),
    [
        ("float32", in_tf32),
        ("tf32", one_column_stale),
        ("float32", in_bfloat16),
        ("float32", one_column_stale),
        ("bfloat16", one_column_stale),
    ],
)
def test_a_wrong_product_does_not(dtype, product):
    assert simulate(dtype, product) > 2 * tolerance(SHAPE, dtype)


@pytest.mark.parametrize(
    ("got", "want", "expected"),
    [
        ([1.0, 2.0], [1.0, 2.0], 0),
        ([1.0, 3.0], [1.0, 4.0], 0.25),
        ([0.001], [0.002], 0.001),
        ([np.nan], [np.nan], 0),
        ([np.inf], [np.inf], 0),
        ([np.nan], [1.0], np.inf),
        ([1.0], [np.nan], np.inf),
        ([np.inf], [-np.inf], np.inf),
        ([], [], 0),
        ([1.0], [1.0, 1.0], np.inf),
    ],
)
def test_deviation(got, want, expected):
    assert deviation(np.array(got), np.array(want)) == pytest.approx(expected)


def test_beside_nothing_every_difference_is_infinite():
    assert deviation(np.zeros(1), np.zeros(1), unit=0.0) == 0
    with np.errstate(all="raise"):
        assert deviation(np.array([0.5]), np.zeros(1), unit=0.0) == inf
