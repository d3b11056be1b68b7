"""Kernels against the float64 oracle, and against each other."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import kernels
from bench.cases.case import Case
from bench.cases.dtypes import FORMATS
from bench.cases.inputs import make_inputs
from bench.cases.tolerance import deviation, tolerance
from bench.contenders.registry import problem_of
from kernels.contract import Problem, current_platform
from kernels.registry import KERNELS, why_not
from reference import oracle


def hold(workload, dtype, activation, kernel, with_h0=True):
    """Check both scopes of one case against the oracle."""
    if reason := why_not(
        kernel, problem_of(Case(workload, "model", "forward", dtype, activation, kernel))
    ):
        pytest.skip(reason)
    inputs = make_inputs(workload, dtype)
    h0 = inputs.h0 if with_h0 else None
    expected_h0 = inputs.h0 if with_h0 else np.zeros(inputs.h0.shape)
    allowed = tolerance(workload, dtype)

    options = {"activation": activation, "kernel": kernel, "precision": FORMATS[dtype].precision}
    h = kernels.recurrence(inputs.z, inputs.params.w_hh, h0, **options)
    want = oracle.recurrence(inputs.z, inputs.params.w_hh, expected_h0, activation=activation)
    assert h.dtype == inputs.z.dtype
    assert deviation(h, want) <= allowed

    y, h_last = kernels.rnn(inputs.params, inputs.x, h0, **options)
    want = oracle.forward(inputs.params, inputs.x, expected_h0, activation=activation)
    assert (y.dtype, h_last.dtype) == (inputs.z.dtype, inputs.z.dtype)
    assert deviation(y, want.y) <= allowed
    assert deviation(h_last, want.h[-1]) <= allowed


def full_precision(kernel):
    """float32, or for a kernel that refuses it bfloat16."""
    problem = Problem(1, 1, 256, jnp.dtype("float32"), "relu", "full", current_platform())
    return "bfloat16" if KERNELS[kernel].unsupported(problem) else "float32"


def hold_equal(got, want, allowed, unit=1.0):
    """Equal up to the rounding of either."""
    for one, other in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
        assert deviation(one, other, unit) <= allowed
