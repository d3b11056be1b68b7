"""The tolerance lets rounding pass and nothing else."""

from dataclasses import replace
from math import inf, log, sqrt

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bench.cases.dtypes import FORMATS
from bench.cases.inputs import make_inputs
from bench.cases.tolerance import deviation, tolerance
from bench.cases.workloads import Workload, mission
from reference import CELLS, oracle

SHAPE = mission(100)


def test_it_grows_with_steps_and_width_and_shrinks_with_precision():
    assert tolerance(mission(1), "float32", "gru") < tolerance(mission(10), "float32", "gru")
    wide = replace(SHAPE, H=1024)
    assert tolerance(SHAPE, "float32", "relu") < tolerance(wide, "float32", "relu")
    dtypes = ("float64", "float32", "tf32", "bfloat16")
    in_order = [tolerance(SHAPE, dtype, "relu") for dtype in dtypes]
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
    assert tolerance(shape, dtype, "tanh", phase) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("cell", "slopes", "stored"),
    [
        # h, and of a backward pass n, r, z and n_h, are rounded to storage; or h and c, and i to o.
        ("gru", 1 + 1 / 16 + 1 / 4 + 1, 1 + 4),
        ("lstm", 3 / 16 + 1, 2 + 4),
    ],
)
def test_a_slot_counts_by_its_slope(cell, slopes, stored):
    shape = Workload("any", T=1, B=3, I=4, H=5, O=2)
    forward, backward = stored - 4 + slopes, stored + slopes
    for phase, roundings, sums in (("forward", forward, 9), ("train", backward, 9 + 3)):
        u2 = roundings * 2.0**-16 + slopes * sums * 2.0**-48
        expected = sqrt(2 * log(2 * 15)) * sqrt(u2)
        assert tolerance(shape, "bfloat16", cell, phase) == pytest.approx(expected, rel=1e-12)


def test_one_number_and_none():
    ones = Workload("ones", T=1, B=1, I=1, H=1, O=1)
    expected = sqrt(2 * log(2) * 4) * 2.0**-53
    assert tolerance(ones, "float64", "relu") == pytest.approx(expected, rel=1e-12, abs=0)
    assert tolerance(replace(ones, T=0), "float64", "lstm") == 0


def simulate(dtype, cell, multiply):
    """The recurrence with states rounded to dtype, and products as the argument rounds them."""
    kind, inputs = CELLS[cell], make_inputs(SHAPE, dtype, cell)
    storage = jnp.dtype(FORMATS[dtype].storage)
    pre, w, b_h, state = jax.tree.map(oracle.wide, inputs.recurrence)
    h = []
    for pre_t in pre:
        state, _ = kind.exact(oracle._slots(kind, pre_t, b_h, multiply(state[0], w)), state)
        state = tuple(array.astype(storage).astype(float) for array in state)
        h.append(state[0])
    return deviation(np.stack(h), oracle.recurrence(kind, *inputs.recurrence)[0])


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


def one_unit_stale(h, w):
    product = h @ w
    product[:, 7 :: h.shape[1]] = 0
    return product


def exactly(h, w):
    return h @ w


@pytest.mark.parametrize(
    ("dtype", "cell", "product"),
    [
        ("float32", "relu", exactly),
        ("bfloat16", "relu", exactly),
        ("tf32", "relu", in_tf32),
        ("bfloat16", "gru", exactly),
        ("bfloat16", "lstm", exactly),
    ],
)
def test_the_rounding_of_a_dtype_passes(dtype, cell, product):
    assert simulate(dtype, cell, product) <= tolerance(SHAPE, dtype, cell)


@pytest.mark.parametrize(
    ("dtype", "cell", "product"),
    [
        ("float32", "relu", in_tf32),
        ("tf32", "relu", one_unit_stale),
        ("float32", "relu", in_bfloat16),
        ("bfloat16", "relu", one_unit_stale),
        ("bfloat16", "gru", one_unit_stale),
        ("bfloat16", "lstm", one_unit_stale),
        ("float32", "lstm", in_tf32),
    ],
)
def test_a_wrong_product_does_not(dtype, cell, product):
    assert simulate(dtype, cell, product) > 2 * tolerance(SHAPE, dtype, cell)


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
