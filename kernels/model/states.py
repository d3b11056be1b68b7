"""Initial and last states: as users pass them, and as kernels take them."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from kernels.contract import State
from kernels.model.checks import Named, Sizes
from reference import Layer, Params, gathered, spread, stands_alone
from reference.cells import Cell


def of_layers(given: Params, states: Any) -> list[dict[str, Any]]:
    """Every layer's, by the names that they have in an error.

    Raises TypeError unless they fit the params' structure.
    """
    if states is None:
        return [{}] * len(given.layers)
    if stands_alone(given):
        return [{"state": states}]
    count = len(given.layers)
    if not isinstance(states, tuple | list) or len(states) != count or not all(map(_pair, states)):
        several = isinstance(states, tuple | list)
        found = f"{len(states)} arrays or tuples" if several else f"a {type(states).__name__}"
        raise TypeError(
            f"state is {found}; expected a tuple of {count} reference.Layer, as many as params"
        )
    for n, (layer, before) in enumerate(zip(given.layers, states, strict=True)):
        for name, weights, one in zip(Layer._fields, layer, before, strict=True):
            if weights is None and one is not None:
                raise TypeError(
                    f"state[{n}].{name} is given; expected None, for params has no such direction"
                )
    return [
        {
            f"state[{n}].{name}": one
            for name, one in zip(Layer._fields, before, strict=True)
            if one is not None
        }
        for n, before in enumerate(states)
    ]


def _pair(state: Any) -> bool:
    return isinstance(state, tuple | list) and len(state) == len(Layer._fields)


def named_state(kind: Cell, before: Any, name: str = "state") -> Named:
    """The arrays of a direction's state. Raises TypeError if the cell has more or fewer of them."""
    if before is None:
        return {}
    if not kind.carried:
        return {name: (before, "B H")}
    names = ", ".join(kind.states)
    if not isinstance(before, tuple | list) or len(before) != len(kind.states):
        found = f"{len(before)} arrays" if isinstance(before, tuple | list) else "one array"
        raise TypeError(f"{name} is {found}; expected ({names}), the state of cell {kind.name!r}")
    return {f"{name}.{part}": (each, "B H") for part, each in zip(kind.states, before, strict=True)}


def start(kind: Cell, before: Any, sizes: Sizes, dtype: jnp.dtype) -> State:
    """A direction's initial state as a tuple; zeros without one."""
    if before is None:
        return (jnp.zeros((sizes["B"], sizes["H"]), dtype),) * len(kind.states)
    return tuple(map(jnp.asarray, before if kind.carried else (before,)))


def starts(
    kind: Cell, given: Params, states: Any, sizes: tuple[Sizes, ...], dtype: jnp.dtype
) -> tuple[Layer, ...]:
    """The initial state of every direction of every layer."""
    return tuple(
        Layer(
            *(
                weights and start(kind, before, of_layer, dtype)
                for weights, before in zip(layer, befores, strict=True)
            )
        )
        for layer, befores, of_layer in zip(given.layers, spread(given, states), sizes, strict=True)
    )


def as_given(kind: Cell, last: State) -> Float[Array, "B H"] | State:
    """A direction's state as users have it: h alone, where nothing is carried beside it."""
    return last if kind.carried else last[0]


def all_as_given(kind: Cell, given: Params, last: tuple[Layer, ...]) -> Any:
    """Those of all directions as users have them."""
    own = [Layer(*(state and as_given(kind, state) for state in layer)) for layer in last]
    return gathered(given, tuple(own))
