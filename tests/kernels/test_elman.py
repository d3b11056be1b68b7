"""What makes a kernel of two halves that know Elman cells alone; those that use it need a GPU."""

import jax
import jax.numpy as jnp
import pytest
from helpers.elman_halves import slopes, states
from helpers.oracle_checks import hold_equal

import kernels
from bench.cases.inputs import make_inputs
from bench.cases.tolerance import tolerance
from bench.cases.workloads import Workload
from kernels.common import elman
from kernels.contract import Kernel, Problem
from kernels.scan import KERNEL as SCAN

SHAPE = Workload("awkward", T=5, B=3, I=2, H=7, O=0)


OWN = Kernel(elman.forward(states), elman.backward(slopes), unsupported=elman.unsupported)


@pytest.mark.parametrize("cell", elman.CELLS)
def test_gives_what_scan_gives(cell):
    """Derivatives of the last state, and of the initial one, are the adapter's own."""
    pre, w_h, _, (initial,) = make_inputs(SHAPE, "float32", cell).recurrence

    def loss(kernel):
        def value(pre, w_h, initial):
            h, last = kernels.recurrence(pre, w_h, initial, cell=cell, kernel=kernel)
            return jnp.sum(jnp.sin(h)) + jnp.sum(jnp.cos(last)), (h, last)

        return jax.grad(value, (0, 1, 2), has_aux=True)(pre, w_h, initial)

    hold_equal(loss(OWN), loss(SCAN), tolerance(SHAPE, "float32", cell, "train"))


def test_says_which_cells_it_has():
    problem = Problem(1, 1, 1, jnp.dtype("float32"), "lstm", "full", "cpu")
    assert OWN.unsupported(problem) == "has Elman cells only: relu, tanh; the cell is 'lstm'"
