"""The same network once more, in NumPy float64 and by hand: it shares no code with `rnn`.

Arguments may be of any floating dtype; they are widened exactly. Axes as in `reference`. The state
of a direction is always a tuple here: h, then what the cell carries beside it. Sequences of equal
length are a batch of their own, so that nothing ever has to be masked.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import ArrayLike, Float, Int

from reference.cells import Cell
from reference.params import Layer, Params, Readout, Weights, gathered, spread

Float64 = Float[np.ndarray, "..."]
States = tuple[Float64, ...]


class Forward(NamedTuple):
    """The outputs h (T, B, D) of every layer, the last states, and outputs y (T, B, O)."""

    h: tuple[Float64, ...]
    last: States | tuple[Layer, ...]
    y: Float64


class Gradients(NamedTuple):
    """Derivatives of a loss with respect to the arguments of `forward`."""

    layers: tuple[Layer, ...]
    readout: Readout | None
    x: Float64
    initial: States | tuple[Layer, ...]


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


def _batches(
    lengths: Int[np.ndarray, "B"], *, reverse: bool
) -> Iterator[tuple[Int[np.ndarray, "N"], tuple[Any, ...]]]:
    """For every length: which rows have it, and where in (T, B) their steps lie, in their order."""
    for n in np.unique(lengths):
        rows, time = np.flatnonzero(lengths == n), np.arange(n)
        yield rows, np.ix_(time[::-1] if reverse else time, rows)


def _some(states: States, rows: Int[np.ndarray, "N"]) -> States:
    return tuple(state[rows] for state in states)


def _direction(
    cell: Cell,
    weights: Weights,
    x: Float64,
    initial: States,
    lengths: Int[np.ndarray, "B"],
    *,
    reverse: bool,
) -> tuple[Float64, States]:
    """h (T, B, H), which is 0 behind a sequence's end, and the last state."""
    h, last = np.zeros((*x.shape[:2], len(weights.w_h))), tuple(map(np.zeros_like, initial))
    for rows, steps in _batches(lengths, reverse=reverse):
        projected = _projected(cell, weights, x[steps])
        h[steps], ends = recurrence(cell, *projected, _some(initial, rows))
        for whole, end in zip(last, ends, strict=True):
            whole[rows] = end
    return h, last


def _direction_gradients(
    cell: Cell,
    weights: Weights,
    x: Float64,
    initial: States,
    lengths: Int[np.ndarray, "B"],
    h: Float64,
    dh: Float64,
    dlast: States,
    *,
    reverse: bool,
) -> tuple[Weights, Float64, States]:
    """Of its weights, x and the initial state."""
    w_x, w_h, b = map(wide, weights)
    dw_x, dw_h, db, dx = map(np.zeros_like, (w_x, w_h, b.reshape(-1), x))
    dinitial = tuple(map(np.zeros_like, initial))
    for rows, steps in _batches(lengths, reverse=reverse):
        projected = _projected(cell, weights, x[steps])
        ends = _some(dlast, rows), h[steps], *projected, _some(initial, rows)
        through = recurrence_gradients(cell, dh[steps], *ends)
        dx[steps] = through.pre @ w_x.T
        dw_x += np.einsum("tbi,tbs->is", x[steps], through.pre, optimize=True)
        dw_h += through.w_h
        db += np.concatenate([through.pre.sum((0, 1)), through.b_h])
        for whole, part in zip(dinitial, through.initial, strict=True):
            whole[rows] = part
    return Weights(dw_x, dw_h, db.reshape(b.shape)), dx, dinitial


def _wide_states(params: Params, states: Any) -> tuple[Layer, ...]:
    return tuple(
        Layer(*(state and tuple(map(wide, state)) for state in layer))
        for layer in spread(params, states)
    )


def _lengths(given: ArrayLike | None, T: int, B: int) -> Int[np.ndarray, "B"]:
    return np.full(B, T) if given is None else np.asarray(given)


def forward(
    cell: Cell, params: Params, x: ArrayLike, initial: Any, lengths: ArrayLike | None = None
) -> Forward:
    """The whole model, from x (T, B, I) and states of arrays (B, H), a `Layer` each if several."""
    y = wide(x)
    lengths = _lengths(lengths, *y.shape[:2])
    outputs, last = [], []
    for layer, start in zip(params.layers, _wide_states(params, initial), strict=True):
        ways = [
            weights and _direction(cell, weights, y, start[way], lengths, reverse=way == 1)
            for way, weights in enumerate(layer)
        ]
        y = np.concatenate([h for h, _ in filter(None, ways)], axis=2)
        outputs.append(y)
        last.append(Layer(*(way and way[1] for way in ways)))
    if params.readout is not None:
        y = y @ wide(params.readout.w) + wide(params.readout.b)
        y[np.arange(len(y))[:, None] >= lengths] = 0
    return Forward(tuple(outputs), gathered(params, tuple(last)), y)


def backward(
    cell: Cell,
    params: Params,
    x: ArrayLike,
    initial: Any,
    h: tuple[ArrayLike, ...],
    dy: ArrayLike,
    dlast: Any,
    lengths: ArrayLike | None = None,
) -> Gradients:
    """Every gradient, from those of y (T, B, O) and of the last state, at the layers' outputs h.

    Each bias's gradient has that bias's shape.
    """
    readout, outputs, dy = params.readout, [wide(x), *map(wide, h)], wide(dy)
    lengths = _lengths(lengths, *dy.shape[:2])
    dy = np.where((np.arange(len(dy))[:, None] < lengths)[..., None], dy, 0.0)
    dh = dy if readout is None else dy @ wide(readout.w).T
    starts, ends = _wide_states(params, initial), _wide_states(params, dlast)
    layers, dinitial = [], []
    for n, layer in reversed(list(enumerate(params.layers))):
        sides, given = (np.split(each, [_width(layer)], axis=2) for each in (dh, outputs[n + 1]))
        ways = [
            weights
            and _direction_gradients(
                cell,
                weights,
                outputs[n],
                starts[n][way],
                lengths,
                given[way],
                sides[way],
                ends[n][way],
                reverse=way == 1,
            )
            for way, weights in enumerate(layer)
        ]
        dh = sum(dx for _, dx, _ in filter(None, ways))
        layers.insert(0, Layer(*(way and way[0] for way in ways)))
        dinitial.insert(0, Layer(*(way and way[2] for way in ways)))
    dreadout = readout and Readout(
        w=np.einsum("tbh,tbo->ho", outputs[-1], dy, optimize=True),
        b=dy.sum((0, 1)).reshape(np.shape(readout.b)),
    )
    return Gradients(tuple(layers), dreadout, dh, gathered(params, tuple(dinitial)))


def _width(layer: Layer) -> int:
    """How many of a layer's outputs are its forward direction's."""
    return len(layer.forward.w_h) if layer.forward else 0
