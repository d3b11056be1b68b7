"""One suite that every kernel passes, with every cell: it holds each against the float64 oracle."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.oracle_checks import as_users_have_it, full_precision, hold, runnable
from hypothesis import given
from hypothesis import strategies as st

import kernels
import reference
from bench.cases.inputs import make_inputs
from bench.cases.tolerance import deviation, tolerance
from bench.cases.workloads import Workload, mission
from kernels.contract import Recurrent, Run
from kernels.registry import KERNELS
from reference import CELLS, oracle

AWKWARD = Workload("awkward", T=5, B=3, I=2, H=7, O=1)
WIDE = Workload("wide", T=4, B=9, I=20, H=130, O=40)
ONE_OF_EACH = Workload("ones", T=1, B=1, I=1, H=1, O=1)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "tf32"])
@pytest.mark.parametrize(
    ("workload", "cell"),
    [
        *((AWKWARD, cell) for cell in CELLS),
        (ONE_OF_EACH, "tanh"),
        (ONE_OF_EACH, "gru"),
        (mission(1), "lstm"),
        (mission(10), "relu"),
        (WIDE, "gru"),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_named_shapes(kernel, workload, dtype, cell):
    hold(workload, dtype, cell, kernel)


@pytest.mark.parametrize("cell", ["relu", "lstm"])
def test_float16(kernel, cell):
    hold(AWKWARD, "float16", cell, kernel)


@pytest.mark.parametrize("cell", CELLS)
def test_float64(kernel, cell, float64):
    hold(AWKWARD, "float64", cell, kernel)


@pytest.mark.parametrize("cell", ["relu", "lstm"])
def test_without_an_initial_state(kernel, dtype, cell):
    hold(AWKWARD, dtype, cell, kernel, with_initial=False)


@pytest.mark.parametrize("kernel", runnable())
@given(
    sizes=st.fixed_dictionaries(
        {"T": st.integers(1, 9), "B": st.integers(1, 9), "I": st.integers(1, 9)}
        | {"H": st.integers(1, 33), "O": st.integers(0, 5)}
    ),
    cell=st.sampled_from(sorted(CELLS)),
)
def test_any_shape(kernel, sizes, cell):
    hold(Workload("any", **sizes), full_precision(kernel), cell, kernel)


@pytest.mark.parametrize(("cell", "O"), [("gru", 0), ("lstm", 3)])
def test_no_steps(kernel, dtype, cell, O):  # noqa: E741
    params = reference.init(jax.random.key(0), 2, 4, O, dtype, cell=cell)
    x = jnp.ones((0, 3, 2), dtype)
    initial = as_users_have_it((jnp.ones((3, 4), dtype),) * len(CELLS[cell].states))
    run = partial(kernels.rnn, params, x, kernel=kernel, cell=cell)
    for chunk in (None, 2):
        y, last = run(initial, chunk=chunk)
        assert y.shape == (0, 3, O)
        jax.tree.map(np.testing.assert_array_equal, last, initial)
    gradient = jax.grad(lambda initial: sum(map(jnp.sum, jax.tree.leaves(run(initial)[1]))))
    jax.tree.map(np.testing.assert_array_equal, gradient(initial), initial)


@pytest.mark.parametrize(
    ("cell", "poison"),
    [
        *(("relu", poison) for poison in (np.nan, np.inf, -np.inf)),
        ("tanh", np.nan),
        ("gru", np.inf),
        ("lstm", -np.inf),
    ],
)
def test_nan_and_inf_spread_as_in_the_reference(kernel, dtype, cell, poison):
    inputs = make_inputs(AWKWARD, dtype, cell)
    x, initial = inputs.x.at[2, 1, 0].set(poison), as_users_have_it(inputs.initial)
    got = kernels.rnn(inputs.params, x, initial, cell=cell, kernel=kernel)
    want = reference.rnn(inputs.params, x, initial, cell=cell)
    for ours, theirs in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
        for kind in (np.isnan, np.isposinf, np.isneginf):
            np.testing.assert_array_equal(kind(oracle.wide(ours)), kind(oracle.wide(theirs)))


@pytest.mark.parametrize("cell", ["relu", "gru"])
def test_biases_of_one_row(kernel, dtype, cell):
    inputs = make_inputs(AWKWARD, dtype, cell)
    weights, readout = inputs.weights, inputs.params.readout
    as_rows = reference.single(
        weights._replace(b=weights.b[None]), readout._replace(b=readout.b[None])
    )
    run = partial(kernels.rnn, x=inputs.x, cell=cell, kernel=kernel)
    for one, other in zip(run(as_rows), run(inputs.params), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("cell", ["tanh", "lstm"])
def test_without_a_readout_the_outputs_are_the_states(kernel, dtype, cell):
    inputs = make_inputs(AWKWARD, dtype, cell)
    bare, initial = inputs.params._replace(readout=None), as_users_have_it(inputs.initial)
    y, last = kernels.rnn(bare, inputs.x, initial, cell=cell, kernel=kernel)
    want = oracle.forward(CELLS[cell], bare, inputs.x, inputs.initial)
    for got, expected in zip((y, *jax.tree.leaves(last)), (*want.h, *want.last), strict=True):
        assert deviation(got, expected) <= tolerance(AWKWARD, dtype, cell)


def test_without_its_own_bias_a_slot_starts_from_zero(kernel, dtype):
    inputs = make_inputs(AWKWARD, dtype, "gru")
    pre, w_h, b_h, (h,) = inputs.recurrence
    run = partial(kernels.recurrence, pre, w_h, h, cell="gru", kernel=kernel)
    got, _ = run()
    assert deviation(got, run(b_h=jnp.zeros_like(b_h))[0]) == 0
    assert deviation(got, run(b_h=b_h)[0]) > 0.01


def test_auto_runs():
    inputs = make_inputs(AWKWARD, "float32", "lstm")
    y, _ = kernels.rnn(inputs.params, inputs.x, inputs.initial, cell="lstm")
    want = oracle.forward(CELLS["lstm"], inputs.params, inputs.x, inputs.initial).y
    assert deviation(y, want) <= tolerance(AWKWARD, "float32", "lstm")


@pytest.mark.parametrize("cell", ["tanh", "lstm"])
@pytest.mark.parametrize(
    ("kernel", "products"), [("scan", 1), ("unrolled", 8), ("unrolled-full", 16)]
)
def test_a_trip_of_the_loop_has_as_many_products_as_steps(kernel, products, cell):
    """And full unrolling leaves no loop."""
    inputs = make_inputs(Workload("sixteen", T=16, B=2, I=1, H=3, O=0), "float32", cell)
    pre, w_h, b_h, initial = inputs.recurrence
    one, run, weights = KERNELS[kernel], Run(CELLS[cell], "full"), Recurrent(w_h, b_h)
    forward = partial(one.forward, run, keep=True)
    start = weights, initial, None
    steps = jax.eval_shape(forward, pre, *start)
    operands = inputs.targets.h, initial, steps, *start
    halves = (forward, (pre, *start)), (partial(one.backward, run), operands)
    for half, arguments in halves:
        text = jax.jit(half).lower(*arguments).as_text()
        assert text.count("stablehlo.dot_general") == products
        assert ("stablehlo.while" in text) == (products < 16)
