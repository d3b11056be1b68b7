"""Back-propagation through time in every kernel: against BPTT by hand, JAX, and differences."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.oracle_checks import as_users_have_it
from jax.test_util import check_grads

import kernels
import reference
from bench.cases.case import Case
from bench.cases.inputs import make_inputs
from bench.cases.programs import problem_of, program
from bench.cases.tolerance import deviation, tolerance
from bench.cases.workloads import Workload
from bench.contenders.subject import compiled
from kernels.registry import why_not
from reference import CELLS

AWKWARD = Workload("awkward", T=5, B=3, I=2, H=7, O=1)
WIDE = Workload("wide", T=4, B=9, I=20, H=130, O=40)
ONE_STEP = Workload("one-step", T=1, B=2, I=3, H=4, O=2)


@pytest.mark.parametrize(
    ("workload", "scope", "dtype", "cell"),
    [
        *((AWKWARD, "recurrence", "float32", cell) for cell in CELLS),
        (AWKWARD, "model", "bfloat16", "relu"),
        (AWKWARD, "model", "bfloat16", "lstm"),
        (AWKWARD, "recurrence", "float16", "gru"),
        (ONE_STEP, "model", "float32", "relu"),
        (ONE_STEP, "recurrence", "bfloat16", "lstm"),
        (WIDE, "recurrence", "bfloat16", "relu"),
        (WIDE, "model", "float32", "gru"),
        (WIDE, "model", "float32", "lstm"),
    ],
)
def test_against_bptt_by_hand(kernel, workload, scope, dtype, cell):
    hold_case(Case(workload, scope, "train", dtype, cell, kernel))


@pytest.mark.parametrize("cell", CELLS)
def test_in_float64(kernel, cell, float64):
    hold_case(Case(AWKWARD, "model", "backward", "float64", cell, kernel))


def hold_case(case):
    if reason := why_not(case.kernel, problem_of(case)):
        pytest.skip(reason)
    subject = compiled(program(case))
    allowed = tolerance(case.workload, case.dtype, case.cell, case.phase)
    assert subject.error(subject.call()) <= allowed


def loss(rnn):
    """One in which every output, every state and the last state count."""

    def value(params, x, initial):
        y, last = rnn(params, x, initial)
        return jnp.sum(jnp.sin(y)) + sum(jnp.sum(jnp.cos(each)) for each in jax.tree.leaves(last))

    return value


def hold_close(got, want, dtype, cell):
    allowed = tolerance(AWKWARD, dtype, cell, "train")
    for one, other in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
        assert deviation(one, other) <= allowed


def operands(dtype, cell):
    """Of a model, as users have them."""
    inputs = make_inputs(AWKWARD, dtype, cell)
    return inputs.params, inputs.x, as_users_have_it(inputs.initial)


@pytest.mark.parametrize(
    ("cell", "with_initial"), [("relu", True), ("tanh", False), ("gru", True), ("lstm", True)]
)
def test_against_jax(kernel, dtype, cell, with_initial):
    """Inputs and initial states too, which the cases above leave out."""
    params, x, initial = operands(dtype, cell)
    arguments = params, x, initial if with_initial else None
    ours = partial(kernels.rnn, kernel=kernel, cell=cell)
    theirs = partial(reference.rnn, cell=cell)
    got, want = (jax.grad(loss(rnn), range(2 + with_initial))(*arguments) for rnn in (ours, theirs))
    hold_close(got, want, dtype, cell)


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_against_differences(kernel, cell, float64):
    case = Case(AWKWARD, "model", "train", "float64", cell, kernel)
    if reason := why_not(kernel, problem_of(case)):
        pytest.skip(reason)
    f = partial(kernels.rnn, kernel=kernel, cell=cell)
    check_grads(f, operands("float64", cell), order=1, modes=["rev"], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("cell", ["relu", "lstm"])
def test_all_states_and_the_last_one_count(kernel, dtype, cell):
    """A loss on the states themselves, not only on what the model makes of them."""
    inputs = make_inputs(AWKWARD, dtype, cell)
    pre, w_h, b_h, _ = inputs.recurrence
    initial = as_users_have_it(inputs.initial)

    def weighted(kernel, pre, initial):
        h, last = kernels.recurrence(pre, w_h, initial, b_h=b_h, kernel=kernel, cell=cell)
        states = (h, *jax.tree.leaves(last))
        return sum(
            jnp.sum(each * jnp.cos(jnp.arange(each.size)).reshape(each.shape)) for each in states
        )

    got, want = (
        jax.grad(partial(weighted, name), (0, 1))(pre, initial)
        for name in (kernel, "scan-autodiff")
    )
    hold_close(got, want, dtype, cell)


def test_relu_passes_nothing_at_zero(kernel, dtype):
    pre, w_h = jnp.zeros((3, 2, 4), dtype), jnp.eye(4, dtype=dtype)
    gradient = jax.grad(lambda pre: kernels.recurrence(pre, w_h, kernel=kernel)[0].sum())(pre)
    np.testing.assert_array_equal(gradient, jnp.zeros_like(pre))


@pytest.mark.parametrize("cell", ["relu", "lstm"])
def test_chunks_change_nothing(kernel, dtype, cell):
    hold_in_chunks(kernel, dtype, 2, cell)


@pytest.mark.parametrize("chunk", [1, 5, 8])
def test_no_size_of_chunk_changes_anything(chunk):
    """One step, all, and more than all; how a sequence is cut does not depend on the kernel."""
    hold_in_chunks("scan", "float32", chunk)


def hold_in_chunks(kernel, dtype, chunk, cell="relu"):
    arguments = operands(dtype, cell)
    plain = partial(kernels.rnn, kernel=kernel, cell=cell)
    chunked = partial(plain, chunk=chunk)
    hold_close(chunked(*arguments), plain(*arguments), dtype, cell)
    got, want = (jax.grad(loss(rnn), (0, 1, 2))(*arguments) for rnn in (chunked, plain))
    hold_close(got, want, dtype, cell)


def temporary_bytes(T, chunk):
    """What a training step allocates besides its arguments and results."""
    params = reference.init(jax.random.key(0), 8, 64, 1)

    def value(params, x):
        return kernels.rnn(params, x, kernel="scan", chunk=chunk)[0].sum()

    step = jax.jit(jax.grad(value)).lower(params, jnp.ones((T, 16, 8)))
    return step.compile().memory_analysis().temp_size_in_bytes


def test_chunks_bound_the_memory_of_a_long_sequence():
    """At T 4096 in chunks of 64, states of 64 + 64 steps are alive, not of 4096."""
    whole, chunked = temporary_bytes(4096, None), temporary_bytes(4096, 64)
    states = 4096 * 16 * 64 * 4
    assert whole > states
    assert chunked < states / 8


@pytest.mark.parametrize("chunk", [0, -3, 2.0, "8"])
def test_not_a_chunk(chunk):
    params, x, _ = operands("float32", "relu")
    with pytest.raises(ValueError, match=r"chunk is .* expected a whole number of at least 1"):
        kernels.rnn(params, x, chunk=chunk)
