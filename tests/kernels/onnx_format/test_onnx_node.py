"""One recurrent node: the outputs of ONNX Runtime, and gradients through them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")
from helpers.onnx_models import GATES, recurrent_node, run_node
from jax.test_util import check_grads

import kernels

DIRECTIONS = {"forward": 1, "reverse": 1, "bidirectional": 2}
CLOSE = {"rtol": 1e-5, "atol": 2e-6}


def drawn(random, *shape):
    return random.standard_normal(shape, np.float32)


def inputs_of(operator, D, T, B, I, H, *, optional, lengths=None, seed=0):  # noqa: E741
    """A node's arrays, in its order; `optional` names those that are not left out."""
    random, G = np.random.default_rng(seed), GATES[operator]
    every = {
        "X": drawn(random, T, B, I),
        "W": drawn(random, D, G * H, I) / np.float32(I**0.5),
        "R": drawn(random, D, G * H, H) / np.float32(H**0.5) * np.float32(0.8),
        "B": drawn(random, D, 2 * G * H) / 4,
        "sequence_lens": lengths,
        "initial_h": drawn(random, D, B, H),
    }
    if operator == "LSTM":
        every |= {"initial_c": drawn(random, D, B, H), "P": drawn(random, D, 3 * H)}
    always = {"X", "W", "R", "sequence_lens"}
    return [each if name in always | set(optional) else None for name, each in every.items()]


@st.composite
def nodes(draw, operator):
    """A node and its arrays."""
    direction = draw(st.sampled_from(list(DIRECTIONS)))
    D = DIRECTIONS[direction]
    T, B, I, H = (draw(st.integers(1, most)) for most in (6, 4, 5, 6))  # noqa: E741
    lengths = draw(st.none() | st.lists(st.integers(0, T), min_size=B, max_size=B))
    lengths = None if lengths is None else np.array(lengths, np.int32)
    names = ["B", "initial_h", *(["initial_c", "P"] if operator == "LSTM" else [])]
    optional = draw(st.sets(st.sampled_from(names)))
    options = {"direction": direction, "hidden_size": H}
    if operator == "GRU":
        options["linear_before_reset"] = draw(st.sampled_from([0, 1]))
    if operator == "RNN":
        each = st.lists(st.sampled_from(["Relu", "Tanh"]), min_size=D, max_size=D)
        options |= draw(st.just({}) | each.map(lambda names: {"activations": names}))
    arrays = inputs_of(
        operator, D, T, B, I, H, optional=optional, lengths=lengths, seed=draw(st.integers(0, 99))
    )
    return recurrent_node(operator, arrays, **options), arrays


def close(got, want):
    assert len(got) == len(want)
    for one, other in zip(got, want, strict=True):
        assert one.shape == other.shape and one.dtype == other.dtype
        np.testing.assert_allclose(one, other, **CLOSE)


@pytest.mark.parametrize("operator", GATES)
@settings(max_examples=15)
@given(data=st.data())
def test_it_is_what_onnx_runtime_has(operator, data):
    node, arrays = data.draw(nodes(operator))
    close(kernels.onnx_node(node, arrays), run_node(node, arrays))


VARIANTS = {
    "RNN": ("RNN", {"activations": ["Relu", "Tanh"]}, ["B", "initial_h"]),
    "GRU": ("GRU", {"linear_before_reset": 1}, ["B", "initial_h"]),
    "GRU, reset before": ("GRU", {"linear_before_reset": 0}, ["B", "initial_h"]),
    "LSTM": ("LSTM", {}, ["B", "initial_c"]),
    "LSTM, peepholes": ("LSTM", {}, ["B", "initial_h", "initial_c", "P"]),
}
every_variant = pytest.mark.parametrize(
    ("operator", "options", "optional"), VARIANTS.values(), ids=VARIANTS.keys()
)
LENGTHS = np.array([3, 0, 5], np.int32)


def a_node(operator, options, optional, lengths=LENGTHS, **more):
    arrays = inputs_of(operator, 2, 5, 3, 4, 6, optional=optional, lengths=lengths)
    attributes = {"direction": "bidirectional", "hidden_size": 6} | options | more
    return recurrent_node(operator, arrays, **attributes), arrays


@every_variant
def test_layout_1_is_the_batch_first(operator, options, optional):
    """ONNX Runtime has layout 0 alone."""
    node, arrays = a_node(operator, options, optional)
    Y, *last = run_node(node, arrays)
    turned, _ = a_node(operator, options, optional, layout=1)
    for n in (0, 5, 6):
        if n < len(arrays) and arrays[n] is not None:
            arrays[n] = arrays[n].swapaxes(0, 1)
    want = [Y.transpose(2, 0, 1, 3), *(each.swapaxes(0, 1) for each in last)]
    close(kernels.onnx_node(turned, arrays), want)


@every_variant
def test_it_is_jitted_with_traced_lengths(operator, options, optional):
    node, arrays = a_node(operator, options, optional)
    jitted = jax.jit(lambda *arrays: kernels.onnx_node(node, arrays))
    close(jitted(*arrays), run_node(node, arrays))


@every_variant
def test_its_gradients_are_its_slopes(operator, options, optional, float64):
    """Of every array but the lengths, with a sequence of no steps among them."""
    node, arrays = a_node(operator, options, optional)
    there = {n: each for n, each in enumerate(arrays) if n != 4 and each is not None}
    given = {n: jnp.asarray(each, "float64") for n, each in there.items()}

    def outputs(given):
        return kernels.onnx_node(node, [given.get(n, arrays[n]) for n in range(len(arrays))])

    check_grads(outputs, (given,), order=1, modes=["rev"], eps=1e-5, atol=1e-6, rtol=1e-6)


@every_variant
def test_padding_reaches_nothing(operator, options, optional):
    """Neither outputs nor gradients, NaN too."""
    node, arrays = a_node(operator, options, optional)
    padding = (np.arange(5)[:, None] >= LENGTHS)[..., None]

    def loss(x):
        return sum(jnp.sum(each**2) for each in kernels.onnx_node(node, [x, *arrays[1:]]))

    want, slope = jax.value_and_grad(loss)(arrays[0])
    got, same = jax.value_and_grad(loss)(np.where(padding, np.float32(np.nan), arrays[0]))
    assert got == want
    np.testing.assert_array_equal(same, slope)
    assert not np.any(np.asarray(slope)[np.broadcast_to(padding, slope.shape)])


def test_peepholes_of_zero_are_none():
    node, arrays = a_node("LSTM", {}, ["B", "initial_h", "initial_c", "P"])
    arrays[-1] = np.zeros_like(arrays[-1])
    without, _ = a_node("LSTM", {}, ["B", "initial_h", "initial_c"])
    close(kernels.onnx_node(node, arrays), kernels.onnx_node(without, arrays[:-1]))


def test_the_kernel_that_is_named_runs_it(kernel):
    node, arrays = a_node("GRU", {"linear_before_reset": 1}, ["B"])
    if reason := kernels.available()[kernel] or (kernel in ("mosaic", "triton") and "no gru"):
        pytest.skip(reason)
    close(kernels.onnx_node(node, arrays, kernel), run_node(node, arrays))
