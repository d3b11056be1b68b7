"""Params that are laid out once: the same answers, for inference, and step by step."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.oracle_checks import hold_equal, runnable
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.sharding import AxisType, NamedSharding

import kernels
import reference
from bench.cases.inputs import make_inputs
from bench.cases.tolerance import tolerance
from bench.cases.workloads import Workload
from kernels.contract import DTYPES
from reference import CELLS

T, B, I, H, O = 5, 3, 4, 37, 6  # noqa: E741
X = jnp.asarray(np.random.default_rng(0).standard_normal((T, B, I)), jnp.float32)
LENGTHS = jnp.array([2, 5, 0], jnp.int32)
each_cell = pytest.mark.parametrize("cell", CELLS)
each_kernel = pytest.mark.parametrize("kernel", runnable())


def a_model(cell="lstm", layers=1, bidirectional=False):
    drawn = jax.random.key(1)
    return reference.init(drawn, I, H, O, cell=cell, layers=layers, bidirectional=bidirectional)


def equal(got, want):
    jax.tree.map(partial(np.testing.assert_allclose, rtol=2e-5, atol=2e-5), got, want)


@each_cell
@each_kernel
def test_in_the_place_of_params(kernel, cell):
    params = a_model(cell, layers=2, bidirectional=True)
    prepared = kernels.prepare(params, cell=cell, kernel=kernel)
    want = reference.rnn(params, X, cell=cell, lengths=LENGTHS)
    equal(kernels.rnn(prepared, X, cell=cell, lengths=LENGTHS), want)
    again = kernels.rnn(prepared, X, want[1], cell=cell, chunk=2)
    equal(again, reference.rnn(params, X, want[1], cell=cell))


# Sizes on both sides of a panel and of a group of rows.
@settings(max_examples=20)
@given(
    st.sampled_from(DTYPES[:3]),
    st.sampled_from(list(CELLS)),
    st.tuples(*[st.integers(1, most) for most in (4, 9, 70, 70)], st.integers(0, 70)),
)
def test_any_size_and_dtype(dtype, cell, sizes):
    workload = Workload("any", **dict(zip("TBIHO", sizes, strict=True)))
    inputs = make_inputs(workload, dtype, cell)
    run = partial(kernels.rnn, x=inputs.x, cell=cell)
    got = run(kernels.prepare(inputs.params, cell=cell))
    hold_equal(got, run(inputs.params), tolerance(workload, dtype, cell))


@pytest.mark.parametrize("readout", [True, False])
def test_no_step(readout):
    params = a_model()
    params = params if readout else params._replace(readout=None)
    initial = kernels.rnn(params, X, cell="lstm")[1]
    y, last = kernels.rnn(kernels.prepare(params, cell="lstm"), X[:0], initial, cell="lstm")
    assert y.shape == (0, B, O if readout else H)
    equal(last, initial)


@each_kernel
@each_cell
def test_step_by_step(kernel, cell):
    params = a_model(cell, layers=2)
    prepared = kernels.prepare(params, cell=cell, kernel=kernel)
    step, state, outputs = jax.jit(kernels.step, donate_argnums=2), None, []
    for x in X:
        y, state = step(prepared, x, state)
        outputs.append(y)
    equal((jnp.stack(outputs), state), reference.rnn(params, X, cell=cell))


def test_under_transformations():
    several = [a_model() for _ in range(2)]
    want = jnp.stack([reference.rnn(params, X, cell="lstm")[0] for params in several])
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *several)
    prepared = jax.vmap(partial(kernels.prepare, cell="lstm"))(stacked)

    def outputs(params, x):
        return kernels.rnn(params, x, cell="lstm")[0]

    equal(jax.vmap(outputs, (0, None))(prepared, X), want)
    one = jax.jit(partial(kernels.prepare, cell="lstm"))(several[0])
    equal(jax.jit(outputs)(one, X), want[0])
    assert all(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(one))


@pytest.mark.parametrize("kind", [AxisType.Auto, AxisType.Explicit], ids=lambda kind: kind.name)
@pytest.mark.parametrize("way", [jax.P(), jax.P("all")], ids=["whole", "divided"])
def test_on_several_devices(kind, way):
    """Of weights that lie whole on each, or divided over their first axis."""
    mesh = jax.make_mesh((2,), ("all",), devices=jax.devices()[:2], axis_types=(kind,))
    params = reference.init(jax.random.key(1), I, 36, O, cell="lstm")
    x = X[:, :2]
    want = reference.rnn(params, x, cell="lstm")
    placed = jax.device_put(params, NamedSharding(mesh, way))
    rows = jax.device_put(x, NamedSharding(mesh, jax.P(None, "all")))
    with jax.set_mesh(mesh):
        prepared = kernels.prepare(placed, cell="lstm")
        equal(jax.jit(partial(kernels.rnn, cell="lstm"))(prepared, rows), want)


@each_kernel
@pytest.mark.parametrize("argument", [0, 1])
def test_no_derivative(kernel, argument):
    prepared = kernels.prepare(a_model(), cell="lstm", kernel=kernel)
    arrays, structure = jax.tree.flatten(prepared)

    def loss(arrays, x):
        return jnp.sum(kernels.rnn(jax.tree.unflatten(structure, arrays), x, cell="lstm")[0])

    with pytest.raises(TypeError, match="prepared params are for inference: differentiate with"):
        jax.grad(loss, argument)(arrays, X)


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (lambda p: kernels.rnn(p, X), ValueError, "cell is 'relu'; expected 'lstm', which params"),
        (
            lambda p: kernels.rnn(p, X, cell="lstm", kernel="unrolled"),
            ValueError,
            "kernel is 'unrolled'; expected 'auto' or 'scan', which params is prepared for",
        ),
        (
            lambda p: kernels.rnn(p, X[..., 1:], cell="lstm"),
            ValueError,
            r"params.layers\[0\].forward.w_x has shape \(4, 148\); expected .* = \(3, 148\)",
        ),
        (
            lambda p: kernels.rnn(p, X.astype("bfloat16"), cell="lstm"),
            TypeError,
            "has dtype float32; expected bfloat16, the dtype of x",
        ),
        (lambda p: kernels.step(p, X), ValueError, r"x has shape \(5, 3, 4\); expected \(B, I\)"),
        (
            lambda _: kernels.step(a_model(), X[0]),
            TypeError,
            "params is a Params; expected what kernels.prepare gives",
        ),
        (
            lambda _: kernels.step(kernels.prepare(a_model(bidirectional=True), cell="lstm"), X[0]),
            ValueError,
            "params has a layer that runs in reverse; a step can only go forward",
        ),
        (
            lambda _: kernels.prepare(a_model(), cell="gru"),
            ValueError,
            r"forward.w_h has shape \(37, 148\); expected \(H, 3H\) of cell 'gru'",
        ),
    ],
)
def test_sentence(call, error, sentence):
    prepared = kernels.prepare(a_model(), cell="lstm", kernel="scan")
    with pytest.raises(error, match=sentence):
        call(prepared)


def test_layers_of_two_dtypes():
    params = a_model(layers=2)
    half = jax.tree.map(lambda leaf: leaf.astype("bfloat16"), params.layers[1])
    mixed = params._replace(layers=(params.layers[0], half))
    sentence = r"layers\[1\].forward.w_h has dtype bfloat16; expected float32, the dtype of params"
    with pytest.raises(TypeError, match=sentence):
        kernels.prepare(mixed, cell="lstm")


def test_auto_packs_for_a_kernel_that_reads_packed_weights():
    native = kernels.available()["native"] is None
    prepared = kernels.prepare(a_model(), cell="lstm")
    assert prepared.kernel == ("native" if native else "scan")
    assert prepared.packed == native
