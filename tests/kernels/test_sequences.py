"""Layers, directions and lengths: every kernel against the oracle."""

import os
import subprocess
import sys
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.oracle_checks import runnable
from hypothesis import given
from hypothesis import strategies as st

import kernels
import reference
from bench.cases.case import Case
from bench.cases.tolerance import tolerance
from bench.cases.workloads import Workload
from bench.contenders import registry
from reference import CELLS, Layer, Params, oracle

T, B, I, H, O = 6, 5, 3, 7, 2  # noqa: E741
LENGTHS = np.array([3, 6, 0, 1, 6], np.int32)
STRUCTURES = {
    "forward": [(True, False)],
    "reverse": [(False, True)],
    "both": [(True, True)],
    "both twice": [(True, True), (True, True)],
    "reverse, then forward": [(False, True), (True, False)],
}


def drawn(*shape):
    """Numbers that depend on the shape alone."""
    return jnp.asarray(np.random.default_rng(shape).standard_normal(shape))


def a_model(cell, structure, readout=True):
    """Params, and the state of every direction as the oracle has it."""
    layers, states, size = [], [], I
    for n, ways in enumerate(structure):
        draw = reference.init(
            jax.random.key(n), size, H, O, jnp.float64, cell=cell, bidirectional=True
        ).layers[0]
        layers.append(Layer(*(w if used else None for w, used in zip(draw, ways, strict=True))))
        each = [
            tuple(drawn(len(CELLS[cell].states), n + 1, way + 1, B, H)[:, -1, -1]) for way in (0, 1)
        ]
        states.append(Layer(*(s if used else None for s, used in zip(each, ways, strict=True))))
        size = H * sum(ways)
    read = reference.Readout(drawn(size, O), drawn(O)) if readout else None
    params = Params(tuple(layers), read)
    return params, reference.gathered(params, tuple(states))


def as_given(cell, params, states):
    """The oracle's states as users have them."""
    if CELLS[cell].carried:
        return states
    layers = [Layer(*(s and s[0] for s in layer)) for layer in reference.spread(params, states)]
    return reference.gathered(params, tuple(layers))


def cotangents(outputs):
    return jax.tree.map(lambda leaf: drawn(*leaf.shape), outputs)


def hold_to_the_oracle(kernel, cell, structure, lengths, readout=True, **options):
    """Outputs, last states, and every gradient."""
    params, states = a_model(cell, structure, readout)
    x, kind = drawn(T, B, I), CELLS[cell]
    run = partial(kernels.rnn, lengths=lengths, cell=cell, kernel=kernel, **options)
    got, vjp = jax.vjp(run, params, x, as_given(cell, params, states))
    want = oracle.forward(kind, params, x, states, lengths)
    dy, dlast = cotangents((want.y, want.last))
    slopes = oracle.backward(kind, params, x, states, want.h, dy, dlast, lengths)
    made = vjp((dy, as_given(cell, params, dlast)))
    assert jax.tree.structure(made[0]) == jax.tree.structure(params)
    for ours, theirs in zip(
        jax.tree.leaves((got, made)), jax.tree.leaves((want.y, want.last, slopes)), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize(
    ("cell", "lengths"),
    [("relu", LENGTHS), ("gru", LENGTHS), ("lstm", LENGTHS), ("gru", None)],
    ids=["relu-uneven", "gru-uneven", "lstm-uneven", "gru-full"],
)
def test_every_structure(kernel, cell, structure, lengths, float64):
    hold_to_the_oracle(kernel, cell, STRUCTURES[structure], lengths)


@pytest.mark.parametrize("cell", ["tanh", "lstm"])
def test_without_a_readout(kernel, cell, float64):
    hold_to_the_oracle(kernel, cell, STRUCTURES["both twice"], LENGTHS, readout=False)


@pytest.mark.parametrize("kernel", [name for name in runnable() if name != "scan-autodiff"])
@given(data=st.data())
def test_any_lengths_in_any_chunks(kernel, data):
    lengths = np.array(data.draw(st.lists(st.integers(0, T), min_size=B, max_size=B)), np.int32)
    chunk = data.draw(st.sampled_from([None, 1, 2, 4, 9]))
    structure = data.draw(st.sampled_from(list(STRUCTURES.values())))
    cell = data.draw(st.sampled_from(sorted(CELLS)))
    with jax.enable_x64(True):
        hold_to_the_oracle(kernel, cell, structure, lengths, chunk=chunk)


@pytest.mark.parametrize("poison", [np.nan, np.inf])
@pytest.mark.parametrize("cell", ["relu", "gru", "lstm"])
@pytest.mark.parametrize("structure", ["reverse", "both twice"])
def test_padding_reaches_nothing(kernel, cell, structure, poison, float64):
    """Neither what lies in x there, nor a cotangent of y."""
    params, states = a_model(cell, STRUCTURES[structure])
    padding = (np.arange(T)[:, None] >= LENGTHS)[..., None]
    state = as_given(cell, params, states)

    def both(x_there, dy_there):
        run = partial(kernels.rnn, lengths=LENGTHS, cell=cell, kernel=kernel)
        outputs, vjp = jax.vjp(run, params, jnp.where(padding, x_there, drawn(T, B, I)), state)
        dy, dlast = cotangents(outputs)
        return outputs, vjp((jnp.where(padding, dy_there, dy), dlast))

    got, want = both(poison, poison), both(0.0, 1.0)
    jax.tree.map(np.testing.assert_array_equal, got, want)
    assert not np.any(np.asarray(got[0][0])[np.broadcast_to(padding, (T, B, O))])
    assert not np.any(np.asarray(got[1][1])[np.broadcast_to(padding, (T, B, I))])


def test_a_state_that_would_explode_in_the_padding(kernel):
    """In 300 more steps it would be 2^300: no float32, and infinity times 0 is NaN."""
    weights = reference.Weights(jnp.ones((1, 2)), 2 * jnp.eye(2), jnp.zeros(2))
    params, x = reference.single(weights), jnp.ones((301, 2, 1))
    lengths = jnp.array([1, 3])
    run = partial(kernels.rnn, lengths=lengths, kernel=kernel)
    if reason := kernels.available()[kernel] or (kernel == "unrolled-full" and "T 301"):
        pytest.skip(reason)
    value, gradients = jax.value_and_grad(lambda *a: run(*a)[0].sum(), (0, 1))(params, x)
    want, slopes = jax.value_and_grad(lambda *a: run(*a)[0].sum(), (0, 1))(params, x[:3])
    assert value == want
    np.testing.assert_array_equal(gradients[1][:3], slopes[1])
    jax.tree.map(np.testing.assert_array_equal, gradients[0], slopes[0])


def test_traced_lengths_are_cut_to_what_there_is(kernel):
    params, x = reference.init(jax.random.key(0), I, H, O, cell="gru"), drawn(T, B, I).astype("f")

    def run(lengths):
        return kernels.rnn(params, x, lengths=lengths, cell="gru", kernel=kernel)

    got = jax.jit(run)(jnp.array([-1, 2, T, T + 1, 3]))
    jax.tree.map(np.testing.assert_array_equal, got, jax.jit(run)(jnp.array([0, 2, T, T, 3])))


def test_vmap_over_lengths(kernel):
    params = reference.init(jax.random.key(0), I, H, O, cell="lstm", bidirectional=True)
    x, lengths = drawn(2, T, B, I).astype("f"), jnp.stack([LENGTHS, LENGTHS[::-1]])
    run = partial(kernels.rnn, params, cell="lstm", kernel=kernel)

    def gradient(x, lengths):
        return jax.grad(lambda x: jnp.sum(run(x, lengths=lengths)[0] ** 2))(x)

    for function in (lambda x, lengths: run(x, lengths=lengths), gradient):
        got = jax.vmap(function)(x, lengths)
        for i in range(2):
            want = function(x[i], lengths[i])
            jax.tree.map(
                lambda a, b, i=i: np.testing.assert_allclose(a[i], b, rtol=1e-5, atol=1e-6),
                got,
                want,
            )


def test_lengths_over_several_devices(kernel):
    """Each device has its rows, and their lengths."""
    mesh = jax.make_mesh((4,), ("batch",), axis_types=(jax.sharding.AxisType.Explicit,))
    params = reference.init(jax.random.key(0), I, H, O, cell="lstm", bidirectional=True)
    x, lengths = drawn(T, 8, I).astype("f"), jnp.array([3, 6, 0, 1, 6, 2, 5, 4])
    run = partial(kernels.rnn, cell="lstm", kernel=kernel)

    def both(params, x, lengths):
        outputs, vjp = jax.vjp(partial(run, lengths=lengths), params, x)
        return outputs, vjp(outputs)

    want = jax.jit(both)(params, x, lengths)
    with jax.set_mesh(mesh):
        x = jax.device_put(x, jax.NamedSharding(mesh, jax.P(None, "batch")))
        got = jax.jit(both)(
            params, x, jax.device_put(lengths, jax.NamedSharding(mesh, jax.P("batch")))
        )
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), got, want)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int64])
def test_lengths_of_any_integer_dtype(dtype):
    """T = 300 is beyond the smaller ones."""
    params, x = reference.init(jax.random.key(0), 1, 2, 1), jnp.ones((300, 2, 1))
    lengths = np.array([3, 100])
    got = kernels.rnn(params, x, lengths=lengths.astype(dtype), kernel="scan")
    want = kernels.rnn(params, x, lengths=lengths.astype(np.int32), kernel="scan")
    jax.tree.map(np.testing.assert_array_equal, got, want)


@pytest.mark.parametrize("lengths", [(1, 1), (2, 2)])
def test_an_infinite_product_of_a_last_state(kernel, lengths):
    """The step behind a sequence's end would start from it, and NaN times 0 is NaN."""
    weights = reference.Weights(
        jnp.ones((1, 2)), 1e38 * jnp.array([[1.0, -1.0], [1.0, 1.0]]), jnp.zeros(2)
    )
    params, x = reference.single(weights), jnp.full((4, 2, 1), 20.0)

    def slope(x, lengths):
        return jax.grad(
            lambda params: kernels.rnn(params, x, lengths=lengths, kernel=kernel)[0][0].sum()
        )(params)

    n = lengths[0]
    got, want = slope(x, jnp.array(lengths)), slope(x[:n], None)
    assert np.isfinite(want.layers[0].forward.w_x).all()
    jax.tree.map(np.testing.assert_array_equal, got, want)


def test_an_empty_row_with_a_state_of_nan(kernel):
    """As a row that only fills a batch up may have; its state is what it was."""
    params, x = reference.init(jax.random.key(0), I, H, O, cell="gru"), jnp.ones((T, B, I))
    state = jnp.zeros((B, H)).at[2].set(np.nan)

    def outputs(params):
        return kernels.rnn(params, x, state, lengths=LENGTHS, cell="gru", kernel=kernel)

    slopes = jax.grad(lambda params: outputs(params)[0].sum())(params)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(slopes))
    np.testing.assert_array_equal(outputs(params)[1][2], state[2])


ONE_DEVICE = """
import jax, jax.numpy as jnp, numpy as np, kernels, reference

params = reference.init(jax.random.key(0), 4, 10, 1, layers=2)
x, lengths = jnp.ones((6, 3, 4)), np.array([1, 3, 6], np.int32)


def slopes(chunk, kernel):
    def loss(params):
        return (kernels.rnn(params, x, lengths=lengths, kernel=kernel, chunk=chunk)[0] ** 2).sum()

    return jax.grad(loss)(params)


assert jax.device_count() == 1
for kernel in ("scan", "native"):
    for chunk in (2, 3, 4, 6, 9):
        for got, want in zip(*map(jax.tree.leaves, (slopes(chunk, kernel), slopes(None, "scan")))):
            np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)
"""


def test_layers_in_chunks_on_one_device():
    """As users have it; tests have four devices, for which a call is compiled in another way."""
    if reason := kernels.available()["native"]:
        pytest.skip(reason)
    environment = {key: value for key, value in os.environ.items() if key != "XLA_FLAGS"}
    ran = subprocess.run(
        [sys.executable, "-c", ONE_DEVICE],
        capture_output=True,
        text=True,
        env=environment,
        timeout=200,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr


# Not every pair: what a dtype changes does not depend on the cell.
@pytest.mark.parametrize(
    ("cell", "dtype"),
    [("relu", "bfloat16"), ("relu", "float16"), ("gru", "float16"), ("lstm", "bfloat16")],
)
@pytest.mark.parametrize("kernel", runnable())
def test_16_bits(kernel, cell, dtype):
    """Outputs and gradients, of layers in both directions over padded sequences."""
    ends = {"layers": 2, "bidirectional": True, "lengths": "uniform"}
    workload = Workload("uneven", T=6, B=5, I=3, H=40, O=7, **ends)
    case = Case(workload, "model", "train", dtype, cell, kernel)
    if reason := registry.unsupported(case):
        pytest.skip(reason)
    subject = registry.prepare(case)
    assert subject.error(subject.call()) <= tolerance(workload, dtype, cell, "train")
