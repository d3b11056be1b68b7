"""The same network once more, in NumPy float64 and by hand: it shares no code with `rnn`.

Arguments may be of any floating dtype; they are widened exactly. Axes as in `reference`. A state is
always a tuple here: h, then what the cell carries beside it.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import ArrayLike, Float

from reference.cells import Cell
from reference.params import Params, Readout, Weights

Float64 = Float[np.ndarray, "..."]
States = tuple[Float64, ...]


class Forward(NamedTuple):
    """Hidden states h (T, B, H), the last state, and outputs y (T, B, O)."""

    h: Float64
    last: States
    y: Float64


class Gradients(NamedTuple):
    """Derivatives of a loss with respect to the arguments of `forward`."""

    weights: Weights
    readout: Readout | None
    x: Float64
    initial: States


class RecurrenceGradients(NamedTuple):
    """Derivatives of a loss with respect to the arguments of `recurrence`."""

    pre: Float64
    w_h: Float64
    b_h: Float64
    initial: States


def wide(array: ArrayLike) -> Float64:
    """The array in float64: exact, for every dtype the suite has."""
    return np.asarray(array).astype(np.float64)


def recurrence(
    cell: Cell, pre: ArrayLike, w_h: ArrayLike, b_h: ArrayLike, initial: tuple[ArrayLike, ...]
) -> tuple[Float64, States]:
    """All states h (T, B, H) and the last state, from pre (T, B, X), w_h (H, R), b_h (S - X,)."""
    pre, w_h, b_h, state = wide(pre), wide(w_h), wide(b_h), tuple(map(wide, initial))
    h = np.empty((len(pre), *state[0].shape))
    for t, pre_t in enumerate(pre):
        state, _ = cell.exact(_slots(cell, pre_t, b_h, state[0] @ w_h), state)
        h[t] = state[0]
    return h, state


def _slots(cell: Cell, pre: Float64, b_h: Float64, from_h: Float64) -> list[Float64]:
    """One (B, H) array a slot."""
    S, (B, H) = len(cell.slots), (len(pre), from_h.shape[1] // cell.from_h)
    slots = np.zeros((B, S * H))
    slots[:, : pre.shape[1]] += pre
    slots[:, pre.shape[1] :] += b_h
    slots[:, S * H - from_h.shape[1] :] += from_h
    return [slots[:, s * H : (s + 1) * H] for s in range(S)]


def recurrence_gradients(
    cell: Cell,
    dh: ArrayLike,
    dlast: tuple[ArrayLike, ...],
    h: ArrayLike,
    pre: ArrayLike,
    w_h: ArrayLike,
    b_h: ArrayLike,
    initial: tuple[ArrayLike, ...],
) -> RecurrenceGradients:
    """Back-propagation through time (Werbos, 1990), from those of every h and the last state.

    It is evaluated at the states h (T, B, H): a kernel's own, where a rounding that turns a relu on
    or off is no error of its gradient.
    """
    dh, h, pre, w_h, b_h = map(wide, (dh, h, pre, w_h, b_h))
    initial, dstate = tuple(map(wide, initial)), tuple(map(wide, dlast))
    (B, H), S = initial[0].shape, len(cell.slots)
    states, saved = _at(cell, h, pre, w_h, b_h, initial)
    dpre = np.empty((len(h), B, S * H))
    for t in reversed(range(len(h))):
        dstate = (dstate[0] + dh[t], *dstate[1:])
        slots, (direct, *rest) = cell.exact_vjp(dstate, saved[t], states[t], states[t + 1])
        dpre[t] = np.concatenate(slots, axis=1)
        dstate = (dpre[t][:, S * H - w_h.shape[1] :] @ w_h.T + direct, *rest)
    before = np.concatenate([initial[0][None], h])[: len(h)]
    from_h = dpre[..., S * H - w_h.shape[1] :]
    return RecurrenceGradients(
        pre=dpre[..., : cell.from_x * H],
        w_h=np.einsum("tbi,tbr->ir", before, from_h, optimize=True),
        b_h=dpre[..., cell.from_x * H :].sum((0, 1)),
        initial=dstate,
    )


def _at(
    cell: Cell, h: Float64, pre: Float64, w_h: Float64, b_h: Float64, initial: States
) -> tuple[list[States], list[tuple[Float64, ...]]]:
    """Every state, with these h, the initial one first, and what the cell saves of each step."""
    states, saved = [initial], []
    for t in range(len(h)):
        if not (cell.saved or cell.carried):
            states, saved = [*states, (h[t],)], [*saved, ()]
            continue
        slots = _slots(cell, pre[t], b_h, states[-1][0] @ w_h)
        (_, *carried), kept = cell.exact(slots, states[-1])
        states.append((h[t], *carried))
        saved.append(kept)
    return states, saved


def _projected(cell: Cell, weights: Weights, x: ArrayLike) -> tuple[Float64, Float64, Float64]:
    """Pre-activations, and what the recurrence needs of the weights."""
    w_x, w_h, b = map(wide, weights)
    b = b.reshape(-1)
    return wide(x) @ w_x + b[: w_x.shape[1]], w_h, b[w_x.shape[1] :]


def forward(cell: Cell, params: Params, x: ArrayLike, initial: tuple[ArrayLike, ...]) -> Forward:
    """The whole model of one layer, from x (T, B, I) and a state of arrays (B, H)."""
    h, last = recurrence(cell, *_projected(cell, params.layers[0].forward, x), initial)
    if params.readout is None:
        return Forward(h, last, h)
    return Forward(h, last, h @ wide(params.readout.w) + wide(params.readout.b))


def backward(
    cell: Cell,
    params: Params,
    x: ArrayLike,
    initial: tuple[ArrayLike, ...],
    h: ArrayLike,
    dy: ArrayLike,
    dlast: tuple[ArrayLike, ...],
) -> Gradients:
    """Every gradient, from those of y (T, B, O) and of the last state, at the states h (T, B, H).

    Each bias's gradient has that bias's shape.
    """
    weights, readout = params.layers[0].forward, params.readout
    x, h, dy, w_x = map(wide, (x, h, dy, weights.w_x))
    dh = dy if readout is None else dy @ wide(readout.w).T
    through = recurrence_gradients(cell, dh, dlast, h, *_projected(cell, weights, x), initial)
    db = np.concatenate([through.pre.sum((0, 1)), through.b_h])
    return Gradients(
        Weights(
            w_x=np.einsum("tbi,tbs->is", x, through.pre, optimize=True),
            w_h=through.w_h,
            b=db.reshape(np.shape(weights.b)),
        ),
        readout
        and Readout(
            w=np.einsum("tbh,tbo->ho", h, dy, optimize=True),
            b=dy.sum((0, 1)).reshape(np.shape(readout.b)),
        ),
        x=through.pre @ w_x.T,
        initial=through.initial,
    )
