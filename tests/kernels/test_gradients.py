"""Back-propagation through time in every kernel: against BPTT by hand, JAX, and differences."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

import kernels
import reference
from bench.cases.case import Case
from bench.cases.inputs import make_inputs
from bench.cases.programs import program
from bench.cases.tolerance import deviation, tolerance
from bench.cases.workloads import Workload, mission
from bench.contenders.registry import problem_of
from bench.contenders.subject import compiled
from kernels.registry import why_not

AWKWARD = Workload("awkward", T=5, B=3, I=2, H=7, O=1)
ONE_STEP = Workload("one-step", T=1, B=2, I=3, H=4, O=2)


@pytest.mark.parametrize(
    ("workload", "scope", "dtype", "activation"),
    [
        (AWKWARD, "recurrence", "float32", "tanh"),
        (AWKWARD, "model", "bfloat16", "relu"),
        (ONE_STEP, "model", "float32", "relu"),
        (ONE_STEP, "recurrence", "bfloat16", "tanh"),
        (mission(10), "recurrence", "bfloat16", "relu"),
        (mission(10), "model", "float32", "tanh"),
    ],
)
def test_against_bptt_by_hand(kernel, workload, scope, dtype, activation):
    case = Case(workload, scope, "train", dtype, activation, kernel)
    if reason := why_not(kernel, problem_of(case)):
        pytest.skip(reason)
    subject = compiled(program(case))
    assert subject.error(subject.call()) <= tolerance(workload, dtype, "train")


def loss(rnn):
    """One in which every output, every state and the last state count."""

    def value(params, x, h0):
        y, h_last = rnn(params, x, h0)
        return jnp.sum(jnp.sin(y)) + jnp.sum(jnp.cos(h_last))

    return value


def hold_close(got, want, dtype):
    allowed = tolerance(AWKWARD, dtype, "train")
    for one, other in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
        assert deviation(one, other) <= allowed


@pytest.mark.parametrize(("activation", "with_h0"), [("relu", True), ("tanh", False)])
def test_against_jax(kernel, dtype, activation, with_h0):
    inputs = make_inputs(AWKWARD, dtype)
    arguments = inputs.params, inputs.x, inputs.h0 if with_h0 else None

    def ours(*arguments):
        return kernels.rnn(*arguments, kernel=kernel, activation=activation)

    def theirs(*arguments):
        return reference.rnn(*arguments, activation=activation)

    expected = range(2 + with_h0)
    got, want = (jax.grad(loss(rnn), expected)(*arguments) for rnn in (ours, theirs))
    hold_close(got, want, dtype)


def test_against_differences(kernel, float64):
    case = Case(AWKWARD, "model", "train", "float64", "tanh", kernel)
    if reason := why_not(kernel, problem_of(case)):
        pytest.skip(reason)
    inputs = make_inputs(AWKWARD, "float64")

    def f(params, x, h0):
        return kernels.rnn(params, x, h0, kernel=kernel, activation="tanh")

    operands = inputs.params, inputs.x, inputs.h0
    check_grads(f, operands, order=1, modes=["rev"], rtol=1e-6, atol=1e-6)


def test_all_states_count(kernel, dtype):
    """A loss on the states themselves, not only on what the model makes of them."""
    inputs = make_inputs(AWKWARD, dtype)
    weights = jnp.cos(jnp.arange(inputs.z.size)).reshape(inputs.z.shape)

    def weighted(z, kernel):
        h = kernels.recurrence(z, inputs.params.w_hh, inputs.h0, kernel=kernel)
        return jnp.sum(h * weights)

    got, want = (jax.grad(weighted)(inputs.z, name) for name in (kernel, "scan-autodiff"))
    hold_close(got, want, dtype)


def test_relu_passes_nothing_at_zero(kernel, dtype):
    z, w_hh = jnp.zeros((3, 2, 4), dtype), jnp.eye(4, dtype=dtype)
    gradient = jax.grad(lambda z: kernels.recurrence(z, w_hh, kernel=kernel).sum())(z)
    np.testing.assert_array_equal(gradient, jnp.zeros_like(z))


def test_chunks_change_nothing(kernel, dtype):
    hold_in_chunks(kernel, dtype, 2)


@pytest.mark.parametrize("chunk", [1, 5, 8])
def test_no_size_of_chunk_changes_anything(chunk):
    """One step, all, and more than all; how a sequence is cut does not depend on the kernel."""
    hold_in_chunks("scan", "float32", chunk)


def hold_in_chunks(kernel, dtype, chunk):
    inputs = make_inputs(AWKWARD, dtype)
    arguments = inputs.params, inputs.x, inputs.h0

    def plain(*arguments):
        return kernels.rnn(*arguments, kernel=kernel)

    def chunked(*arguments):
        return kernels.rnn(*arguments, kernel=kernel, chunk=chunk)

    hold_close(chunked(*arguments), plain(*arguments), dtype)
    got, want = (jax.grad(loss(rnn), (0, 1, 2))(*arguments) for rnn in (chunked, plain))
    hold_close(got, want, dtype)


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
    inputs = make_inputs(AWKWARD, "float32")
    with pytest.raises(ValueError, match=r"chunk is .* expected a whole number of at least 1"):
        kernels.rnn(inputs.params, inputs.x, chunk=chunk)
