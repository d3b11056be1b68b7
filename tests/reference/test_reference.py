"""The scan RNN and the NumPy oracle, each against the formula and against the other."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import reference
from reference import oracle


def test_mission_example():
    """The example that the project began with, biases shaped (1, n) and passed as they are."""
    keys = jax.random.split(jax.random.PRNGKey(100), 6)
    x, w_xh, w_hh, w_ho, b_t, b_o = (
        jax.random.normal(key, shape)
        for key, shape in zip(
            keys, [(50, 128), (128, 256), (256, 256), (256, 128), (1, 256), (1, 128)], strict=True
        )
    )
    h0 = jnp.linspace(-1, 1, 50 * 256).reshape(50, 256)
    params = reference.Params(w_xh, w_hh, b_t, w_ho, b_o)
    y, h = reference.rnn(params, x[None], h0)
    expected = np.maximum(np.asarray(x) @ w_xh + np.asarray(h0) @ w_hh + b_t, 0)
    np.testing.assert_allclose(h, expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(y[0], expected @ w_ho + b_o, rtol=1e-4, atol=1e-3)


@pytest.fixture(name="problem")
def a_problem(float64):
    params = reference.init(jax.random.key(0), 5, 7, 3, jnp.float64)
    x = jax.random.normal(jax.random.key(1), (6, 4, 5), jnp.float64)
    h0 = jax.random.normal(jax.random.key(2), (4, 7), jnp.float64)
    return params, x, h0


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_scan_is_the_oracle(problem, activation):
    params, x, h0 = problem
    y, h = reference.rnn(params, x, h0, activation=activation, states="all")
    expected = oracle.forward(params, x, h0, activation=activation)
    np.testing.assert_allclose(h, expected.h, rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(y, expected.y, rtol=1e-13, atol=1e-13)


def test_states_and_default_h0(problem):
    params, x, h0 = problem
    _, every = reference.rnn(params, x, states="all")
    _, last = reference.rnn(params, x, jnp.zeros_like(h0))
    np.testing.assert_array_equal(every[-1], last)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_bptt_by_hand_is_jax_grad(problem, activation):
    params, x, h0 = problem
    cotangents = jnp.cos(jnp.arange(72.0)).reshape(6, 4, 3), jnp.sin(jnp.arange(28.0)).reshape(4, 7)

    def f(params, x, h0):
        return reference.rnn(params, x, h0, activation=activation)

    _, vjp = jax.vjp(f, params, x, h0)
    h = oracle.forward(params, x, h0, activation=activation).h
    got = oracle.backward(params, x, h0, h, *cotangents, activation=activation)
    for by_hand, by_jax in zip(got, jax.tree.leaves(vjp(cotangents)), strict=True):
        np.testing.assert_allclose(by_hand, by_jax, rtol=1e-12, atol=1e-12)


def test_integers_are_refused():
    params = reference.init(jax.random.key(0), 5, 7, 3)
    with pytest.raises(TypeError, match="x has dtype int32; expected a floating dtype"):
        reference.rnn(params, jnp.ones((6, 4, 5), int))
    with pytest.raises(TypeError, match="w_hh has dtype int32; expected a floating dtype"):
        reference.rnn(params._replace(w_hh=jnp.ones((7, 7), int)), jnp.ones((6, 4, 5)))


def test_init_is_a_contraction():
    params = reference.init(jax.random.key(3), 16, 64, 8)
    singular = np.linalg.svd(params.w_hh, compute_uv=False)
    np.testing.assert_allclose(singular, 0.9, rtol=1e-5)
    assert all(leaf.std() > 0.05 for leaf in params)
    assert all(bias.std() < 0.2 for bias in (params.b_h, params.b_o))
    assert {leaf.dtype for leaf in reference.init(jax.random.key(3), 2, 3, 1, jnp.bfloat16)} == {
        jnp.dtype("bfloat16")
    }
