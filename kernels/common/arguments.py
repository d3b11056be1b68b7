"""What users pass, as a cell has it: the axes of its arrays, its state, its one layer."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from kernels.common import checks
from kernels.contract import State
from reference import CELLS, Layer, Params, Readout, Weights
from reference.cells import Cell

Named = dict[str, tuple[Any, str]]  # as `checks.arrays` takes them


def cell(name: str) -> Cell:
    """The cell of this name. Raises ValueError for an unknown one."""
    checks.one_of("cell", name, tuple(CELLS))
    return CELLS[name]


def recurrent(kind: Cell, pre: Any, w_h: Any, b_h: Any) -> Named:
    """The arrays of a recurrence beside its state."""
    named = {"w_h": (w_h, f"H {kind.from_h}H"), "pre": (pre, f"T B {kind.from_x}H")}
    return _of(kind, named if b_h is None else named | {"b_h": (b_h, f"{kind.own}H")})


def weights(kind: Cell, params: Params) -> Named:
    """The arrays of one layer and its readout."""
    w_x, w_h, b = params.layers[0].forward
    layer = {
        "w_h": (w_h, f"H {kind.from_h}H"),
        "w_x": (w_x, f"I {kind.from_x}H"),
        "b": (b, f"1? {len(kind.slots)}H"),
    }
    named = {f"params.layers[0].forward.{name}": each for name, each in layer.items()}
    if params.readout is None:
        return _of(kind, named)
    w, b = params.readout
    return _of(kind, named) | {"params.readout.w": (w, "H O"), "params.readout.b": (b, "1? O")}


def _of(kind: Cell, named: Named) -> Named:
    """The same, and an error then names the cell whose sizes were expected."""
    return {
        name: (array, f"{axes} # of cell {kind.name!r}") for name, (array, axes) in named.items()
    }


def one_layer(params: Any) -> Params:
    """The params, or any tuples of their structure.

    Raises TypeError for another structure, ValueError for more than one layer or direction.
    """
    try:
        layers, readout = params
        layers = tuple(Layer(*layer) for layer in layers)
        directions = [tuple(way and Weights(*way) for way in layer) for layer in layers]
        readout = None if readout is None else Readout(*readout)
    except (TypeError, ValueError) as error:
        kind = type(params).__name__
        raise TypeError(f"params is a {kind}; expected a reference.Params") from error
    if len(layers) != 1:
        raise ValueError(f"params has {len(layers)} layers; expected 1")
    forward, reverse = directions[0]
    if forward is None or reverse is not None:
        raise ValueError("params has a reverse direction; expected the forward one alone")
    return Params((Layer(forward),), readout)


def state(kind: Cell, initial: Any) -> Named:
    """The arrays of an initial state. Raises TypeError if the cell has more or fewer of them."""
    if initial is None:
        return {}
    if not kind.carried:
        return {"initial": (initial, "B H")}
    names = ", ".join(kind.states)
    if not isinstance(initial, tuple | list) or len(initial) != len(kind.states):
        found = f"{len(initial)} arrays" if isinstance(initial, tuple | list) else "one array"
        raise TypeError(f"initial is {found}; expected ({names}), the state of cell {kind.name!r}")
    return {
        f"initial.{name}": (each, "B H") for name, each in zip(kind.states, initial, strict=True)
    }


def start(kind: Cell, initial: Any, sizes: checks.Sizes, dtype: jnp.dtype) -> State:
    """The initial state as a tuple; zeros without one."""
    if initial is None:
        return (jnp.zeros((sizes["B"], sizes["H"]), dtype),) * len(kind.states)
    return tuple(map(jnp.asarray, initial if kind.carried else (initial,)))


def as_given(kind: Cell, last: State) -> Float[Array, "B H"] | State:
    """A state as users have it: h alone, where nothing is carried beside it."""
    return last if kind.carried else last[0]
