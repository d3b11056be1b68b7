"""The same RNN once more, in NumPy float64 and by hand: it shares no code with `rnn`.

Arguments may be of any floating dtype; they are widened exactly. Axes as in `reference`.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import ArrayLike, Float

Float64 = Float[np.ndarray, "..."]


class Forward(NamedTuple):
    """Hidden states h (T, B, H) and outputs y (T, B, O)."""

    h: Float64
    y: Float64


class Gradients(NamedTuple):
    """Derivatives of a loss with respect to the arguments of `forward`."""

    w_xh: Float64
    w_hh: Float64
    b_h: Float64
    w_ho: Float64
    b_o: Float64
    x: Float64
    h0: Float64


def wide(array: ArrayLike) -> Float64:
    """The array in float64: exact, for every dtype the suite has."""
    return np.asarray(array).astype(np.float64)


def activate(pre: Float64, activation: str) -> Float64:
    """relu or tanh. NaN stays NaN."""
    return np.tanh(pre) if activation == "tanh" else np.where(pre <= 0, 0.0, pre)


def slope(h: Float64, activation: str) -> Float64:
    """The activation's derivative, from its value: 1 - h^2 for tanh, [h > 0] for relu."""
    return 1 - h**2 if activation == "tanh" else (h > 0).astype(np.float64)


def recurrence(z: ArrayLike, w_hh: ArrayLike, h0: ArrayLike, *, activation: str) -> Float64:
    """h_t = act(z_t + h_{t-1} W_hh): (T, B, H) from z (T, B, H), W_hh (H, H), h0 (B, H)."""
    z, w_hh, state = wide(z), wide(w_hh), wide(h0)
    h = np.empty_like(z)
    for t, z_t in enumerate(z):
        state = h[t] = activate(z_t + state @ w_hh, activation)
    return h


def recurrence_backward(
    dh: ArrayLike, h: ArrayLike, w_hh: ArrayLike, *, activation: str
) -> Float64:
    """dz_t = (dh_t + dz_{t+1} W_hh^T) * act'(h_t) (Werbos, 1990), the shape of dh (T, B, H)."""
    dh, h, w_hh = wide(dh), wide(h), wide(w_hh)
    dz, later = np.empty_like(dh), np.zeros_like(dh[0]) if len(dh) else None
    for t in reversed(range(len(dh))):
        later = dz[t] = (dh[t] + later @ w_hh.T) * slope(h[t], activation)
    return dz


def forward(params: tuple, x: ArrayLike, h0: ArrayLike, *, activation: str) -> Forward:
    """The whole model. `params` is (w_xh, w_hh, b_h, w_ho, b_o), x (T, B, I), h0 (B, H)."""
    w_xh, w_hh, b_h, w_ho, b_o = map(wide, params)
    h = recurrence(wide(x) @ w_xh + b_h, w_hh, h0, activation=activation)
    return Forward(h, h @ w_ho + b_o)


class RecurrenceGradients(NamedTuple):
    """Derivatives of a loss with respect to the arguments of `recurrence`."""

    z: Float64
    w_hh: Float64
    h0: Float64


def recurrence_gradients(
    dh: ArrayLike, h: ArrayLike, w_hh: ArrayLike, h0: ArrayLike, *, activation: str
) -> RecurrenceGradients:
    """Given dh (T, B, H), the loss's derivatives with respect to the states h alone."""
    dh, h, w_hh, h0 = map(wide, (dh, h, w_hh, h0))
    dz = recurrence_backward(dh, h, w_hh, activation=activation)
    before = np.concatenate([h0[None], h])[:-1]
    dh0 = dz[0] @ w_hh.T if len(dz) else np.zeros_like(h0)
    return RecurrenceGradients(dz, np.einsum("tbi,tbh->ih", before, dz, optimize=True), dh0)


def backward(
    params: tuple,
    x: ArrayLike,
    h0: ArrayLike,
    h: ArrayLike,
    dy: ArrayLike,
    dh_last: ArrayLike,
    *,
    activation: str,
) -> Gradients:
    """Back-propagation through time, given the loss's derivatives dy (T, B, O), dh_last (B, H).

    It is evaluated at the states h (T, B, H): a kernel's own, where a rounding that turns a relu on
    or off is no error of its gradient. Each bias's gradient has that bias's shape.
    """
    w_xh, w_hh, b_h, w_ho, b_o = map(wide, params)
    x, h, dy, dh_last = map(wide, (x, h, dy, dh_last))
    dh = dy @ w_ho.T
    dh[-1:] += dh_last
    dz, dw_hh, dh0 = recurrence_gradients(dh, h, w_hh, h0, activation=activation)
    return Gradients(
        w_xh=np.einsum("tbi,tbh->ih", x, dz, optimize=True),
        w_hh=dw_hh,
        b_h=dz.sum((0, 1)).reshape(b_h.shape),
        w_ho=np.einsum("tbh,tbo->ho", h, dy, optimize=True),
        b_o=dy.sum((0, 1)).reshape(b_o.shape),
        x=dz @ w_xh.T,
        h0=dh0 if len(dz) else dh_last,
    )
