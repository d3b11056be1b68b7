"""The Elman cell, relu or tanh (Elman, "Finding structure in time", 1990): h' = act(pre)."""

from math import inf

import jax.numpy as jnp
import numpy as np

from reference.cells.cell import Cell, State, Values

ONE_SLOT = {"slots": ("pre",), "from_x": 1, "from_h": 1, "slopes": (1.0,), "gain": lambda g2: g2}


def relu(slots: list[Values], before: State) -> tuple[State, tuple[()]]:
    """max(pre, 0), but NaN stays NaN, and the slope at 0 is 0."""
    return (jnp.where(slots[0] <= 0, 0, slots[0]),), ()


def relu_vjp(dafter: State, saved: tuple[()], before: State, after: State) -> tuple[State, State]:
    """It passes dh where h > 0; not at 0."""
    (dh,), (h,) = dafter, after
    return (jnp.where(h > 0, dh, 0),), (jnp.zeros_like(dh),)


def relu_exact(slots: list[Values], before: State) -> tuple[State, tuple[()]]:
    """NaN stays NaN."""
    return (np.where(slots[0] <= 0, 0.0, slots[0]),), ()


def relu_exact_vjp(dafter: State, saved: tuple[()], before: State, after: State):
    """dpre = dh [h > 0]."""
    return (dafter[0] * (after[0] > 0),), (0.0,)


def tanh(slots: list[Values], before: State) -> tuple[State, tuple[()]]:
    """tanh(pre)."""
    return (jnp.tanh(slots[0]),), ()


def tanh_vjp(dafter: State, saved: tuple[()], before: State, after: State) -> tuple[State, State]:
    """Its slope, from its value: 1 - h^2."""
    (dh,), (h,) = dafter, after
    return (dh * (1 - h * h),), (jnp.zeros_like(dh),)


def tanh_exact(slots: list[Values], before: State) -> tuple[State, tuple[()]]:
    """tanh(pre)."""
    return (np.tanh(slots[0]),), ()


def tanh_exact_vjp(dafter: State, saved: tuple[()], before: State, after: State):
    """dpre = dh (1 - h^2)."""
    return (dafter[0] * (1 - after[0] ** 2),), (0.0,)


RELU = Cell(
    "relu",
    **ONE_SLOT,
    idle=(-inf,),
    step=relu,
    step_vjp=relu_vjp,
    exact=relu_exact,
    exact_vjp=relu_exact_vjp,
)
TANH = Cell(
    "tanh",
    **ONE_SLOT,
    idle=(0.0,),
    step=tanh,
    step_vjp=tanh_vjp,
    exact=tanh_exact,
    exact_vjp=tanh_exact_vjp,
)
