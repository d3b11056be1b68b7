"""Kernels against the float64 oracle, and against each other."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import kernels
from bench.cases.case import Case
from bench.cases.dtypes import FORMATS
from bench.cases.inputs import make_inputs
from bench.cases.programs import problem_of
from bench.cases.tolerance import deviation, tolerance
from kernels.contract import Problem, current_platform
from kernels.registry import KERNELS, why_not
from reference import CELLS, oracle

NO_BIAS = np.zeros(0)  # of slots that x does not fill, where a cell has none


def runnable():
    """The names of the kernels that this machine has."""
    return [name for name, reason in kernels.available().items() if reason is None]


def hold(workload, dtype, cell, kernel, with_initial=True):
    """Check both scopes of one case against the oracle."""
    case = Case(workload, "model", "forward", dtype, cell, kernel)
    if reason := why_not(kernel, problem_of(case)):
        pytest.skip(reason)
    inputs, kind = make_inputs(workload, dtype, cell), CELLS[cell]
    initial = as_users_have_it(inputs.initial) if with_initial else None
    start = inputs.initial if with_initial else tuple(map(np.zeros_like, inputs.initial))
    options = {"cell": cell, "kernel": kernel, "precision": FORMATS[dtype].precision}

    def hold_to(got, want):
        for one, other in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
            assert one.dtype == inputs.x.dtype
            assert deviation(one, other) <= tolerance(workload, dtype, cell)

    pre, w_h, b_h, _ = inputs.recurrence
    got = kernels.recurrence(pre, w_h, initial, b_h=b_h, **options)
    hold_to(got, oracle.recurrence(kind, pre, w_h, b_h, start))
    got = kernels.rnn(inputs.params, inputs.x, initial, **options)
    want = oracle.forward(kind, inputs.params, inputs.x, start)
    hold_to(got, (want.y, want.last))


def as_users_have_it(state):
    """A state as `kernels.rnn` takes it: h alone, where nothing is carried beside it."""
    return state if len(state) > 1 else state[0]


def elman_states(cell, pre, w_h, initial):
    """The oracle's states of a cell with one slot."""
    return oracle.recurrence(CELLS[cell], pre, w_h, NO_BIAS, (initial,))[0]


def elman_slopes(cell, dh, h, w_h):
    """The oracle's derivatives of the pre-activations, of a cell with one slot."""
    zero = (np.zeros(h.shape[1:]),)
    return oracle.recurrence_gradients(CELLS[cell], dh, zero, h, h, w_h, NO_BIAS, zero).pre


def full_precision(kernel):
    """float32, or for a kernel that refuses it bfloat16."""
    problem = Problem(1, 1, 256, jnp.dtype("float32"), "relu", "full", current_platform())
    return "bfloat16" if KERNELS[kernel].unsupported(problem) else "float32"


def hold_equal(got, want, allowed, unit=1.0):
    """Equal up to the rounding of either."""
    for one, other in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
        assert deviation(one, other, unit) <= allowed, deviation(one, other, unit)
