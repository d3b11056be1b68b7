"""Cells that no kernel has: one step of each, in jax.numpy, which JAX differentiates.

Weights lie as those of the cell that they vary. `pre` is the input's part of the slots, x W_x + b,
in the dtype that is computed in; the new state is rounded once to that of the state before.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from reference.cells import State
from reference.cells.cell import sigmoid
from reference.rnn import dot


def gru_reset_before(
    pre: Float[Array, "B X"], w_h: Float[Array, "H X"], b_n: Float[Array, "H"], before: State
) -> State:
    """A GRU whose reset gate comes before the product (Cho et al., arXiv:1406.1078, equation 8).

    h' = (1 - z) n + z h,   n = tanh(n_x + (r h) W_n + b_n)
    """
    (h,) = before
    (n_x, r_x, z_x), (w_r, w_z, w_n) = jnp.split(pre, 3, axis=1), jnp.split(w_h, 3, axis=1)
    r, z = sigmoid(r_x + dot(h, w_r)), sigmoid(z_x + dot(h, w_z))
    n = jnp.tanh(n_x + dot((r * h).astype(h.dtype), w_n) + b_n)
    return ((n + z * (h - n)).astype(h.dtype),)


def lstm_with_peepholes(
    pre: Float[Array, "B X"], w_h: Float[Array, "H X"], peepholes: Float[Array, "P"], before: State
) -> State:
    """An LSTM whose gates i, f and o see the cell state (Gers & Schmidhuber, IJCNN 2000).

    i, f = sigmoid(slot + p c),   o = sigmoid(slot + p c'),   else as `reference.cells.lstm`
    """
    h, c = before
    i, f, g, o = jnp.split(pre + dot(h, w_h), 4, axis=1)
    p_i, p_f, p_o = jnp.split(peepholes, 3)
    after = sigmoid(f + p_f * c) * c + sigmoid(i + p_i * c) * jnp.tanh(g)
    shown = sigmoid(o + p_o * after) * jnp.tanh(after)
    return shown.astype(h.dtype), after.astype(c.dtype)
