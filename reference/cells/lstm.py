"""The long short-term memory (Hochreiter & Schmidhuber, 1997; forget gate: Gers et al., 2000).

c' = f c + i g,   h' = o tanh(c'),   i, f, o = sigmoid(their slots),   g = tanh(its slot)
"""

from math import inf

import jax.numpy as jnp
import numpy as np

from reference.cells.cell import Cell, State, Values, sigmoid


def step(slots: list[Values], before: State) -> tuple[State, tuple[Values, ...]]:
    """The state after, and i, f, g, o."""
    (i, f, g, o), (_, c) = slots, before
    i, f, g, o = sigmoid(i), sigmoid(f), jnp.tanh(g), sigmoid(o)
    c = f * c + i * g
    return (o * jnp.tanh(c), c), (i, f, g, o)


def step_vjp(
    dafter: State, saved: tuple[Values, ...], before: State, after: State
) -> tuple[tuple[Values, ...], State]:
    """h reaches the next step through the recurrent product alone, c through f."""
    (dh, dc), (i, f, g, o), (_, c_before), (_, c) = dafter, saved, before, after
    squashed = jnp.tanh(c)
    dc = dc + dh * o * (1 - squashed * squashed)
    di, df = dc * g * i * (1 - i), dc * c_before * f * (1 - f)
    dg, do = dc * i * (1 - g * g), dh * squashed * o * (1 - o)
    return (di, df, dg, do), (jnp.zeros_like(dh), dc * f)


def exact(slots: list[Values], before: State) -> tuple[State, tuple[Values, ...]]:
    """As the formulas stand above."""
    i, f, o = (1 / (1 + np.exp(-slots[s])) for s in (0, 1, 3))
    g = np.tanh(slots[2])
    c = f * before[1] + i * g
    return (o * np.tanh(c), c), (i, f, g, o)


def exact_vjp(dafter: State, saved: tuple[Values, ...], before: State, after: State):
    """Derivatives of i, f, g, o by the chain rule, one after the other."""
    (dh, dc), (i, f, g, o) = dafter, saved
    through_o = dh * np.tanh(after[1])
    through_c = dc + dh * o / np.cosh(after[1]) ** 2
    through_i, through_f, through_g = through_c * g, through_c * before[1], through_c * i
    sigmoids = (through_i, i), (through_f, f), (through_o, o)
    di, df, do = (through * (gate - gate**2) for through, gate in sigmoids)
    return (di, df, through_g * (1 - g**2), do), (0.0, through_c * f)


def gain(g2: float) -> float:
    """Of (c, h) together: the larger eigenvalue of their errors' growth in mean square.

    A gate is spread no more than a uniform number, of mean square 1/3; |g|, |tanh c|, and c's mean
    square, are below 1. c keeps 1/3 of its own error by f, and h passes on a share of c's.
    """
    c_from_c, c_from_h = 1 / 3, g2 * (1 / 3 + 2 / 16)
    h_from_c, h_from_h = c_from_c / 3, c_from_h / 3 + g2 / 16
    trace, determinant = c_from_c + h_from_h, c_from_c * h_from_h - c_from_h * h_from_c
    return trace / 2 + (trace**2 / 4 - determinant) ** 0.5


# A sigmoid's slope is at most 1/4, and what each gate multiplies below 1 in mean square.
LSTM = Cell(
    "lstm",
    slots=("i", "f", "g", "o"),
    from_x=4,
    from_h=4,
    step=step,
    step_vjp=step_vjp,
    exact=exact,
    exact_vjp=exact_vjp,
    idle=(-inf, inf, 0.0, -inf),
    slopes=(1 / 4, 1 / 4, 1.0, 1 / 4),
    gain=gain,
    carried=("c",),
    saved=("i", "f", "g", "o"),
)
