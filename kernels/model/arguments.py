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
    expected = "expected a reference.Params"
    try:
        layers, readout = given
    except (TypeError, ValueError) as error:
        raise TypeError(f"params is a {type(given).__name__}; {expected}") from error
    if not isinstance(layers, tuple | list):
        raise TypeError(f"params.layers is a {type(layers).__name__}; expected a tuple of Layers")
    layers = tuple(_layer(n, layer) for n, layer in enumerate(layers))
    readout = None if readout is None else _part("params.readout", Readout, readout)
    if not layers:
        raise ValueError("params.layers is empty; expected at least one layer")
    for n, layer in enumerate(layers):
        if layer == (None, None):
            raise ValueError(f"params.layers[{n}] has no weights; expected them for a direction")
    return Params(layers, readout)


def _layer(n: int, given: Any) -> Layer:
    layer = _part(f"params.layers[{n}]", Layer, given)
    ways = zip(Layer._fields, layer, strict=True)
    return Layer(
        *(
            None if way is None else _part(f"params.layers[{n}].{name}", Weights, way)
            for name, way in ways
        )
    )


def _part[Part: (Layer, Weights, Readout)](name: str, kind: type[Part], given: Any) -> Part:
    """A named tuple of any tuple that has as many parts."""
    if isinstance(given, tuple | list):
        try:
            return kind(*given)
        except TypeError:
            pass
    raise TypeError(f"{name} is a {type(given).__name__}; expected a reference.{kind.__name__}")


def sizes(
    kind: Cell, given: Params, sequence: Named | None = None, states: Any = None
) -> tuple[checks.Sizes, ...]:
    """Hold all arrays against each other: the sizes of every layer's axes.

    Raises as `checks.arrays` does; TypeError for states that do not fit the params' structure.
    """
    found: list[checks.Sizes] = []
    known, named = {}, dict(sequence or {})
    like = next(((name, array) for name, (array, _) in named.items()), None)
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
        like = like or next((name, array) for name, (array, _) in named.items())
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
        raise TypeError(f"{name} has dtype {given.dtype}; expected an integer dtype")
    if given.shape != (B,):
        raise ValueError(f"{name} has shape {tuple(given.shape)}; expected (B,) = ({B},)")
    if not isinstance(given, jax.core.Tracer):
        values = np.asarray(given)
        wrong = np.flatnonzero((values < 0) | (values > T))
        if len(wrong):
            first = wrong[0]
            raise ValueError(f"{name}[{first}] is {values[first]}; expected 0 to T = {T}")
    most = min(T, jnp.iinfo(given.dtype).max)  # what is compared has this dtype
    return jnp.clip(jnp.asarray(given), 0, most).astype(jnp.int32)
