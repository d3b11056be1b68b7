"""One suite that every kernel passes: it holds each against the float64 oracle."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.oracle_checks import full_precision, hold
from hypothesis import given
from hypothesis import strategies as st

import kernels
import reference
from bench.cases.inputs import make_inputs
from bench.cases.tolerance import deviation, tolerance
from bench.cases.workloads import Workload, mission
from kernels.registry import KERNELS
from reference import oracle

RUNNABLE = [name for name, reason in kernels.available().items() if reason is None]
AWKWARD = Workload("awkward", T=5, B=3, I=2, H=7, O=1)
ONE_OF_EACH = Workload("ones", T=1, B=1, I=1, H=1, O=1)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "tf32"])
@pytest.mark.parametrize(
    ("workload", "activation"),
    [
        (AWKWARD, "relu"),
        (AWKWARD, "tanh"),
        (ONE_OF_EACH, "tanh"),
        (mission(1), "relu"),
        (mission(10), "tanh"),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_named_shapes(kernel, workload, dtype, activation):
    hold(workload, dtype, activation, kernel)


def test_float16(kernel):
    hold(AWKWARD, "float16", "relu", kernel)


def test_float64(kernel, float64):
    hold(AWKWARD, "float64", "tanh", kernel)


def test_without_h0(kernel, dtype):
    hold(AWKWARD, dtype, "relu", kernel, with_h0=False)


@pytest.mark.parametrize("kernel", RUNNABLE)
@given(
    sizes=st.fixed_dictionaries(
        {"T": st.integers(1, 9), "B": st.integers(1, 9), "I": st.integers(1, 9)}
        | {"H": st.integers(1, 33), "O": st.integers(0, 5)}
    ),
    activation=st.sampled_from(["relu", "tanh"]),
)
def test_any_shape(kernel, sizes, activation):
    hold(Workload("any", **sizes), full_precision(kernel), activation, kernel)


@pytest.mark.parametrize("O", [0, 3])
def test_no_steps(kernel, dtype, O):  # noqa: E741
    params = reference.init(jax.random.key(0), 2, 4, O, dtype)
    x, h0 = jnp.ones((0, 3, 2), dtype), jnp.ones((3, 4), dtype)
    y, h_last = kernels.rnn(params, x, h0, kernel=kernel)
    assert y.shape == (0, 3, O)
    np.testing.assert_array_equal(h_last, h0)
    y, h_last = kernels.rnn(params, x, h0, kernel=kernel, chunk=2)
    assert y.shape == (0, 3, O)
    np.testing.assert_array_equal(h_last, h0)
    gradient = jax.grad(lambda h0: kernels.rnn(params, x, h0, kernel=kernel)[1].sum())(h0)
    np.testing.assert_array_equal(gradient, jnp.ones((3, 4)))


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf])
def test_nan_and_inf_spread_as_in_the_reference(kernel, dtype, activation, poison):
    inputs = make_inputs(AWKWARD, dtype)
    x = inputs.x.at[2, 1, 0].set(poison)
    got = kernels.rnn(inputs.params, x, inputs.h0, activation=activation, kernel=kernel)
    want = reference.rnn(inputs.params, x, inputs.h0, activation=activation)
    for ours, theirs in zip(got, want, strict=True):
        for kind in (np.isnan, np.isposinf, np.isneginf):
            np.testing.assert_array_equal(kind(oracle.wide(ours)), kind(oracle.wide(theirs)))


def test_biases_of_one_row(kernel, dtype):
    inputs = make_inputs(AWKWARD, dtype)
    as_rows = inputs.params._replace(b_h=inputs.params.b_h[None], b_o=inputs.params.b_o[None])
    got = kernels.rnn(as_rows, inputs.x, kernel=kernel)
    for one, other in zip(got, kernels.rnn(inputs.params, inputs.x, kernel=kernel), strict=True):
        np.testing.assert_array_equal(one, other)


def test_auto_runs():
    inputs = make_inputs(AWKWARD, "float32")
    y, _ = kernels.rnn(inputs.params, inputs.x, inputs.h0)
    want = oracle.forward(inputs.params, inputs.x, inputs.h0, activation="relu").y
    assert deviation(y, want) <= tolerance(AWKWARD, "float32")


@pytest.mark.parametrize(
    ("kernel", "products"), [("scan", 1), ("unrolled", 8), ("unrolled-full", 16)]
)
def test_a_trip_of_the_loop_has_as_many_products_as_steps(kernel, products):
    """And full unrolling leaves no loop."""
    sequence, w_hh, h0 = jnp.ones((16, 2, 3)), jnp.ones((3, 3)), jnp.ones((2, 3))
    one = KERNELS[kernel]
    halves = ((one.forward, (sequence, w_hh, h0)), (one.backward, (sequence, sequence, w_hh)))
    for half, arguments in halves:
        run = jax.jit(partial(half, activation="tanh", precision="full"))
        text = run.lower(*arguments).as_text()
        assert text.count("stablehlo.dot_general") == products
        assert ("stablehlo.while" in text) == (products < 16)
