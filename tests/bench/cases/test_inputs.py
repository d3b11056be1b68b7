"""Inputs live through a long sequence, are reproducible, and the check for it can fail."""

from dataclasses import replace

import jax
import numpy as np
import pytest

from bench.cases.inputs import check_alive, make_inputs
from bench.cases.workloads import Workload
from reference import CELLS, oracle

LONG = Workload("long", T=1000, B=8, I=16, H=64, O=4)


@pytest.mark.parametrize("cell", CELLS)
def test_a_thousand_steps_neither_explode_nor_die(cell):
    h, _ = oracle.recurrence(CELLS[cell], *make_inputs(LONG, "bfloat16", cell).recurrence)
    check_alive(h, cell)
    early, late = np.std(h[10:100]), np.std(h[-100:])
    assert late == pytest.approx(early, rel=0.2)


def test_seeded_and_never_zero():
    inputs = make_inputs(LONG, "float32", "lstm")
    make_inputs.cache_clear()
    again = make_inputs(LONG, "float32", "lstm")
    np.testing.assert_array_equal(inputs.x, again.x)
    arrays = jax.tree.leaves((inputs.params, inputs.x, inputs.initial, inputs.pre, inputs.targets))
    for array in arrays:
        assert np.count_nonzero(array) > 0.99 * array.size


def test_pre_activations_are_those_of_the_slots_that_x_fills(float64):
    """GRU's last slot is left: its bias is the recurrence's."""
    inputs = make_inputs(replace(LONG, T=3), "float64", "gru")
    w_x, _, b = inputs.weights
    np.testing.assert_allclose(inputs.pre, inputs.x @ w_x + b[: 3 * 64], rtol=0, atol=1e-12)
    np.testing.assert_array_equal(inputs.b_h, b[3 * 64 :])


def test_a_few_units_may_all_be_off():
    check_alive(np.zeros((300, 1, 3)), "relu")


@pytest.mark.parametrize(
    ("h", "cell"),
    [
        (np.full((2, 20, 20), np.inf), "relu"),
        (np.full((2, 20, 20), np.nan), "tanh"),
        (np.zeros((2, 20, 20)), "relu"),
        (np.ones((2, 20, 20)), "relu"),
        (np.ones((2, 20, 20)), "tanh"),
    ],
)
def test_dead_or_exploding_states_are_refused(h, cell):
    with pytest.raises(ValueError, match=r"explode|dead"):
        check_alive(h, cell)
