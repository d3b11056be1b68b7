"""Cells that no kernel has, against their formulas in NumPy, by hand."""

import jax.numpy as jnp
import numpy as np

from reference import variants

B, H = 3, 4
RANDOM = np.random.default_rng(2)
CLOSE = {"rtol": 1e-12, "atol": 1e-12}


def drawn(*shape):
    return RANDOM.standard_normal(shape)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_a_gru_that_resets_before_the_product(float64):
    pre, w_h, b_n, h = drawn(B, 3 * H), drawn(H, 3 * H), drawn(H), drawn(B, H)
    r = sigmoid(pre[:, H : 2 * H] + h @ w_h[:, :H])
    z = sigmoid(pre[:, 2 * H :] + h @ w_h[:, H : 2 * H])
    n = np.tanh(pre[:, :H] + (r * h) @ w_h[:, 2 * H :] + b_n)
    (got,) = variants.gru_reset_before(*map(jnp.asarray, (pre, w_h, b_n)), (jnp.asarray(h),))
    np.testing.assert_allclose(got, (1 - z) * n + z * h, **CLOSE)


def test_an_lstm_with_peepholes(float64):
    pre, w_h, p = drawn(B, 4 * H), drawn(H, 4 * H), drawn(3 * H)
    h, c = drawn(B, H), drawn(B, H)
    slots = pre + h @ w_h
    i = sigmoid(slots[:, :H] + p[:H] * c)
    f = sigmoid(slots[:, H : 2 * H] + p[H : 2 * H] * c)
    after = f * c + i * np.tanh(slots[:, 2 * H : 3 * H])
    o = sigmoid(slots[:, 3 * H :] + p[2 * H :] * after)
    state = jnp.asarray(h), jnp.asarray(c)
    got = variants.lstm_with_peepholes(*map(jnp.asarray, (pre, w_h, p)), state)
    np.testing.assert_allclose(got, (o * np.tanh(after), after), **CLOSE)


def test_a_state_keeps_its_dtype():
    """It is computed in float32, and rounded once."""
    w_h, h = jnp.ones((H, 3 * H), "bfloat16"), jnp.ones((B, H), "bfloat16")
    (got,) = variants.gru_reset_before(jnp.ones((B, 3 * H)), w_h, jnp.ones(H, "bfloat16"), (h,))
    assert got.dtype == h.dtype
    w_h = jnp.ones((H, 4 * H), "bfloat16")
    peepholes = jnp.ones(3 * H, "bfloat16")
    got = variants.lstm_with_peepholes(jnp.ones((B, 4 * H)), w_h, peepholes, (h, h))
    assert [each.dtype for each in got] == [h.dtype] * 2
