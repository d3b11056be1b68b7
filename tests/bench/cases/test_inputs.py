"""Inputs live through a long sequence, are reproducible, and the check for it can fail."""

import numpy as np
import pytest

from bench.cases.inputs import check_alive, make_inputs
from bench.cases.workloads import Workload
from reference import oracle

LONG = Workload("long", T=1000, B=8, I=16, H=64, O=4)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_thousand_steps_neither_explode_nor_die(activation, dtype):
    inputs = make_inputs(LONG, dtype)
    h = oracle.recurrence(inputs.z, inputs.params.w_hh, inputs.h0, activation=activation)
    check_alive(h, activation)
    early, late = np.std(h[10:100]), np.std(h[-100:])
    assert late == pytest.approx(early, rel=0.2)


def test_seeded_and_never_zero():
    inputs = make_inputs(LONG, "float32")
    make_inputs.cache_clear()
    again = make_inputs(LONG, "float32")
    np.testing.assert_array_equal(inputs.x, again.x)
    for array in (*inputs.params, inputs.x, inputs.h0, inputs.z):
        assert np.count_nonzero(array) > 0.99 * array.size


def test_a_few_units_may_all_be_off():
    check_alive(np.zeros((300, 1, 3)), "relu")


@pytest.mark.parametrize(
    ("h", "activation"),
    [
        (np.full((2, 20, 20), np.inf), "relu"),
        (np.full((2, 20, 20), np.nan), "tanh"),
        (np.zeros((2, 20, 20)), "relu"),
        (np.ones((2, 20, 20)), "relu"),
        (np.ones((2, 20, 20)), "tanh"),
    ],
)
def test_dead_or_exploding_states_are_refused(h, activation):
    with pytest.raises(ValueError, match=r"explode|dead"):
        check_alive(h, activation)
