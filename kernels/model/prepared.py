"""Weights laid out once for forward passes, in the place of the params they were made from."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
from jaxtyping import PyTree

from kernels.contract import Kernel, Packing
from kernels.model import arguments
from reference import Layer, Params, Readout
from reference.cells import Cell


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["arrays"],
    meta_fields=["like", "cell", "kernel", "packed"],
)
@dataclass(frozen=True)
class Prepared:
    """What `kernels.prepare` gives: a pytree for `kernels.rnn` and `kernels.step`."""

    arrays: Params
    like: Params  # the params that it was made from, or their shapes and dtypes
    cell: str
    kernel: str | Kernel
    packed: bool


def prepared(params: Params, cell: Cell, kernel: str | Kernel, packing: Packing | None) -> Prepared:
    """Checked params as the kernel of this name reads them: packed, if it has a packing."""
    like = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), params)
    arrays = params if packing is None else _packed(params, cell, packing)
    return Prepared(arrays, like, cell.name, kernel, packed=packing is not None)


def _packed(params: Params, cell: Cell, packing: Packing) -> Params:
    """Two directions are read out together, by a product that is not the kernel's own."""
    *below, top = params.layers
    layers = [_layer(cell, packing, layer, None)[0] for layer in below]
    own = params.readout if None in top else None
    last, readout = _layer(cell, packing, top, own)
    return Params((*layers, last), params.readout if own is None else readout)


def _layer(
    cell: Cell, packing: Packing, layer: Layer, readout: Readout | None
) -> tuple[Layer, Readout | None]:
    ways = [weights and packing.pack(cell, weights, readout) for weights in layer]
    packed_readout = next(way for way in ways if way)[1]
    return Layer(*(way and way[0] for way in ways)), packed_readout


def as_given(params: Any, cell: str, kernel: str | Kernel) -> Prepared:
    """What was prepared, or params as they are.

    Raises ValueError if it was prepared for another cell or kernel; else as `arguments.params`.
    """
    if not isinstance(params, Prepared):
        params = arguments.params(params)
        return Prepared(params, params, cell, kernel, packed=False)
    if cell != params.cell:
        raise ValueError(
            f"cell is {cell!r}; expected {params.cell!r}, which params is prepared for"
        )
    if kernel not in ("auto", params.kernel):
        expected = f"expected 'auto' or {params.kernel!r}, which params is prepared for"
        raise ValueError(f"kernel is {kernel!r}; {expected}")
    return params


@jax.custom_jvp
def for_inference(operands: PyTree) -> PyTree:
    """The same, of which there is no derivative. Raises TypeError where one is taken."""
    return operands


@for_inference.defjvp
def _no_derivative(*_: Any) -> None:
    raise TypeError("prepared params are for inference: differentiate with the params themselves")
