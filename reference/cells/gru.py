"""The gated recurrent unit (Cho et al., arXiv:1406.1078), its reset gate after the product.

    h' = (1 - z) n + z h,   n = tanh(n_x + r n_h),   r, z = sigmoid(their slots)

That is the form of cuDNN, PyTorch and Flax: a candidate's input and recurrent parts stay apart.
"""

import jax.numpy as jnp
import numpy as np

from reference.cells.cell import Cell, State, Values, sigmoid


def step(slots: list[Values], before: State) -> tuple[State, tuple[Values, ...]]:
    """The state after, and n, r, z, n_h."""
    (n_x, r, z, n_h), (h,) = slots, before
    r, z = sigmoid(r), sigmoid(z)
    n = jnp.tanh(n_x + r * n_h)
    return (n + z * (h - n),), (n, r, z, n_h)


def step_vjp(
    dafter: State, saved: tuple[Values, ...], before: State, after: State
) -> tuple[tuple[Values, ...], State]:
    """h' depends on h through z h, too."""
    (dh,), (n, r, z, n_h), (h,) = dafter, saved, before
    dn = dh * (1 - z) * (1 - n * n)
    dr = dn * n_h * r * (1 - r)
    dz = dh * (h - n) * z * (1 - z)
    return (dn, dr, dz, dn * r), (dh * z,)


def exact(slots: list[Values], before: State) -> tuple[State, tuple[Values, ...]]:
    """As the formula stands above."""
    r, z = (1 / (1 + np.exp(-slots[i])) for i in (1, 2))
    n = np.tanh(slots[0] + r * slots[3])
    return ((1 - z) * n + z * before[0],), (n, r, z, slots[3])


def exact_vjp(dafter: State, saved: tuple[Values, ...], before: State, after: State):
    """Derivatives of n_x, r, z, n_h by the chain rule, one after the other."""
    dh, (n, r, z, n_h) = dafter[0], saved
    through_n = dh * (1 - z)
    through_tanh = through_n * (1 - n**2)
    through_r = through_tanh * n_h
    through_z = dh * before[0] - dh * n
    slots = through_tanh, through_r * (r - r**2), through_z * (z - z**2), through_tanh * r
    return slots, (dh * z,)


def gain(g2: float) -> float:
    """A gate is spread no more than a uniform number, of mean square 1/3; |h|, |n|, |n_h| < 1.

    z h passes 1/3; n's recurrent part (1/3)(1/3) g^2 through r (1 - z); z (h - n)^2 g^2 / 16, where
    the mean of (h - n)^2 is at most 1; r (1/3) n_h^2 g^2 / 16, where n_h^2 has at most g^2's mean.
    """
    return 1 / 3 + g2 * (1 / 9 + 1 / 16 + g2 / 48)


# |h - n| < 2 and |n_h| < 1 beside a sigmoid's slope of at most 1/4; tanh's is at most 1.
GRU = Cell(
    "gru",
    slots=("n_x", "r", "z", "n_h"),
    from_x=3,
    from_h=3,
    step=step,
    step_vjp=step_vjp,
    exact=exact,
    exact_vjp=exact_vjp,
    idle=(0.0, 0.0, 0.0),
    slopes=(1.0, 1 / 4, 1 / 2, 1.0),
    gain=gain,
    saved=("n", "r", "z", "n_h"),
)
