"""What a cell is: how one step makes a new state of what the input and the state before give."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

Values = Float[Any, "*S"]  # one number a hidden unit: (B, H), or a tile of it
State = tuple[Values, ...]  # h, then what the cell carries beside it


@dataclass(frozen=True)
class Cell:
    """One cell, as pointwise functions of its slots: S numbers of each hidden unit.

    The input projection fills the first `from_x` slots, the recurrent product is added to the last
    `from_h`, and a bias to each. Columns of weights and biases lie slot after slot.

    `step(slots, before)` gives the state after it and what its derivative needs again; `step_vjp(
    dafter, saved, before, after)` the derivatives of its slots, and of the state before it as far
    as that does not pass through the recurrent product. Both are in jax.numpy. `exact` and
    `exact_vjp` state the same once more, in NumPy and by hand, for the oracle.

    With `idle` in the slots that x fills, a step leaves what is carried, and h does not grow.

    An error of the state grows from step to step by `gain(g^2)` in mean square, where g bounds the
    recurrent weights, and each slot's own error counts by at most its number in `slopes`.
    """

    name: str
    slots: tuple[str, ...]
    from_x: int
    from_h: int
    step: Callable[[Sequence[Values], State], tuple[State, tuple[Values, ...]]]
    step_vjp: Callable[[State, Sequence[Values], State, State], tuple[tuple[Values, ...], State]]
    exact: Callable
    exact_vjp: Callable
    idle: tuple[float, ...]
    slopes: tuple[float, ...]
    gain: Callable[[float], float]
    carried: tuple[str, ...] = ()  # beside h, from step to step
    saved: tuple[str, ...] = ()  # for the backward pass, beside the states

    @property
    def states(self) -> tuple[str, ...]:
        """Names of all that passes from step to step."""
        return ("h", *self.carried)

    @property
    def own(self) -> int:
        """How many slots the input does not fill: what they start from is a bias alone."""
        return len(self.slots) - self.from_x

    def advance(
        self,
        from_x: Sequence[Values],
        from_h: Sequence[Values],
        biases: Iterable[Float[Any, "..."]],
        before: State,
    ) -> tuple[State, tuple[Values, ...]]:
        """One step: the state after it, and what is saved, each rounded once to the states' dtype.

        It is computed in the dtype of the recurrent products `from_h`; `biases` are those of the
        slots that the input does not fill.
        """
        dtype, wide = before[0].dtype, from_h[0].dtype
        slots = [value.astype(wide) for value in (*from_x, *biases)]
        for i, product in enumerate(from_h, start=len(slots) - len(from_h)):
            slots[i] = slots[i] + product
        results = self.step(slots, tuple(value.astype(wide) for value in before))
        return jax.tree.map(lambda value: value.astype(dtype), results)


def sigmoid(x: Float[Array, "*S"]) -> Float[Array, "*S"]:
    """1 / (1 + exp(-x)), through tanh, which XLA computes as a polynomial."""
    return 0.5 * jnp.tanh(0.5 * x) + 0.5
