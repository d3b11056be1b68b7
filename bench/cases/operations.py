"""How many operations a cell takes beside its products, counted in its formulas as JAX has them."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

import jax
from jax.extend.core import ClosedJaxpr, Jaxpr

from reference.cells import Cell

# They compute nothing: a comparison belongs to the choice that it is for.
FREE = {"convert_element_type", "broadcast_in_dim", "le", "lt", "ge", "gt"}


class Operations(NamedTuple):
    """Of one hidden unit in one step; a tanh is one."""

    forward: int
    backward: int


@lru_cache
def operations(cell: Cell) -> Operations:
    """Those of `step` and of `step_vjp`."""
    state, saved = ((1.0,) * len(names) for names in (cell.states, cell.saved))
    return Operations(
        _counted(cell.step, [1.0] * len(cell.slots), state),
        _counted(cell.step_vjp, state, saved, state, state),
    )


def _counted(function: Callable, *arguments: Sequence[float]) -> int:
    return _of(jax.make_jaxpr(function)(*arguments).jaxpr)


def _of(jaxpr: Jaxpr) -> int:
    total = 0
    for equation in jaxpr.eqns:
        inner = [each for each in equation.params.values() if isinstance(each, ClosedJaxpr)]
        if inner:
            total += sum(_of(each.jaxpr) for each in inner)
        elif equation.primitive.name not in FREE:
            total += 1
    return total
