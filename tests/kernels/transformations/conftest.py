"""Every kernel, and its whole model to be transformed."""

from functools import partial

import pytest
from helpers.oracle_checks import hold_equal
from helpers.transforming import CELL, SHAPE

import kernels
from bench.cases.inputs import make_inputs
from bench.cases.tolerance import tolerance
from kernels.registry import KERNELS


@pytest.fixture(params=[name for name in KERNELS if not name.startswith("unrolled")])
def kernel(request):
    """Every kernel that this machine has, but for `scan` with other factors."""
    if reason := kernels.available()[request.param]:
        pytest.skip(reason)
    return request.param


@pytest.fixture
def inputs(dtype):
    return make_inputs(SHAPE, dtype, CELL)


@pytest.fixture
def model(kernel):
    """The whole model, as a function of params, x and the initial state."""
    return partial(kernels.rnn, kernel=kernel, cell=CELL)


@pytest.fixture
def hold(dtype):
    """Compare with what the kernel gives without the transformation."""
    return partial(hold_equal, allowed=tolerance(SHAPE, dtype, CELL, "train"))
