"""What users pass, as a cell has it: the axes of its arrays, its layers, its lengths."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int

from kernels.model import checks
from kernels.model.checks import Named
from kernels.model.states import named_state, of_layers
from reference import CELLS, Layer, Params, Readout, Weights
from reference.cells import Cell


def cell(name: str) -> Cell:
    """The cell of this name. Raises ValueError for an unknown one."""
    checks.one_of("cell", name, tuple(CELLS))
    return CELLS[name]


def recurrent(kind: Cell, pre: Any, w_h: Any, b_h: Any) -> Named:
    """The arrays of a recurrence beside its state."""
    named = {"w_h": (w_h, f"H {kind.from_h}H"), "pre": (pre, f"T B {kind.from_x}H")}
    return _of(kind, named if b_h is None else named | {"b_h": (b_h, f"{kind.own}H")})


def _of(kind: Cell, named: Named) -> Named:
    """The same, and an error then names the cell whose sizes were expected."""
    return {
        name: (array, f"{axes} # of cell {kind.name!r}") for name, (array, axes) in named.items()
    }


def params(given: Any) -> Params:
    """The params, or any tuples of their structure.

    Raises TypeError for another structure, ValueError for no layer, or one without a direction.
    """
    try:
        layers, readout = given
        layers = tuple(Layer(*layer) for layer in layers)
        layers = tuple(Layer(*(way and Weights(*way) for way in layer)) for layer in layers)
        readout = None if readout is None else Readout(*readout)
    except (TypeError, ValueError) as error:
        kind = type(given).__name__
        raise TypeError(f"params is a {kind}; expected a reference.Params") from error
    if not layers:
        raise ValueError("params.layers is empty; expected at least one layer")
    for n, layer in enumerate(layers):
        if layer == (None, None):
            raise ValueError(f"params.layers[{n}] has no weights; expected them for a direction")
    return Params(layers, readout)


def sizes(kind: Cell, given: Params, x: Any = None, states: Any = None) -> tuple[checks.Sizes, ...]:
    """Hold all arrays against each other: the sizes of every layer's axes.

    Raises as `checks.arrays` does; TypeError for states that do not fit the params' structure.
    """
    found: list[checks.Sizes] = []
    known, like = {}, None if x is None else ("x", x)
    named = {} if x is None else {"x": (x, "T B I")}
    for n, (layer, befores) in enumerate(zip(given.layers, of_layers(given, states), strict=True)):
        for name, weights in zip(Layer._fields, layer, strict=True):
            if weights is not None:
                named |= _weights(kind, f"params.layers[{n}].{name}.", weights)
        if n == len(given.layers) - 1 and given.readout is not None:
            rows = "2H" if None not in layer else "H"
            named |= {"params.readout.w": (given.readout.w, f"{rows} O")}
            named |= {"params.readout.b": (given.readout.b, "1? O")}
        for name, before in befores.items():
            named |= named_state(kind, before, name)
        found.append(checks.arrays(named, known, like))
        known = {axis: size for axis, size in found[-1].items() if axis in "TB"}
        known["I"] = found[-1]["H"] * (2 - layer.count(None))
        named = {}
    return tuple(found)


def _weights(kind: Cell, place: str, weights: Weights) -> Named:
    w_x, w_h, b = weights
    named = {
        "w_h": (w_h, f"H {kind.from_h}H"),
        "w_x": (w_x, f"I {kind.from_x}H"),
        "b": (b, f"1? {len(kind.slots)}H"),
    }
    return _of(kind, {f"{place}{name}": each for name, each in named.items()})


def lengths(given: Any, T: int, B: int, name: str = "lengths") -> Int[Array, "B"] | None:
    """Lengths as int32; those that are traced are cut to what there can be. An error says `name`.

    Raises TypeError for another kind, ValueError for another shape, or, where the numbers are
    known, for one outside of 0 to T.
    """
    if given is None:
        return None
    if not (hasattr(given, "shape") and hasattr(given, "dtype")):
        raise TypeError(f"{name} is a {type(given).__name__}; expected an array of whole numbers")
    if not jnp.issubdtype(given.dtype, jnp.integer):
        raise TypeError(f"{name} has dtype {given.dtype}; expected int32")
    if given.shape != (B,):
        raise ValueError(f"{name} has shape {tuple(given.shape)}; expected (B) = ({B})")
    if not isinstance(given, jax.core.Tracer):
        values = np.asarray(given)
        wrong = np.flatnonzero((values < 0) | (values > T))
        if len(wrong):
            first = wrong[0]
            raise ValueError(f"{name}[{first}] is {values[first]}; expected 0 to T = {T}")
    return jnp.clip(jnp.asarray(given), 0, T).astype(jnp.int32)
