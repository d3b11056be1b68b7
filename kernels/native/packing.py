"""Weights packed once, as the forward pass reads them, instead of by every call."""

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from kernels.common.opaque import opaque
from kernels.contract import Run, State
from kernels.native import compiler, handlers
from kernels.native.calls import (
    as_array,
    as_arrays,
    as_state,
    axis,
    call_handler,
    shapes_of,
)
from kernels.native.handlers import Layout
from reference import Readout, Weights
from reference.cells import Cell


def pack(cell: Cell, weights: Weights, readout: Readout | None) -> tuple[Weights, Readout | None]:
    """`kernels.contract.Pack`. A matrix becomes (panels of all slots, numbers of a panel)."""
    layout = handlers.layout(compiler.target(), cell.name, weights.w_x.dtype.name)
    w_x = _panels(weights.w_x, cell.from_x, layout)
    w_h = _panels(weights.w_h, cell.from_h, layout)
    read = readout and Readout(_panels(readout.w, 1, layout), readout.b.reshape(-1))
    return Weights(w_x, w_h, weights.b.reshape(-1)), read


def _panels(w: Float[Array, "K N"], slots: int, layout: Layout) -> Float[Array, "P M"]:
    """Each slot's columns in panels; in a panel groups of rows; in a group column by column."""
    K, columns = len(w), w.shape[1] // slots
    w = w.astype(w.dtype if layout.bytes == w.dtype.itemsize else jnp.float32)
    filled = [(0, -K % layout.rows), (0, 0), (0, -columns % layout.columns)]
    w = jnp.pad(w.reshape(K, slots, columns), filled)
    groups, panels = len(w) // layout.rows, w.shape[2] // layout.columns
    w = w.reshape(groups, layout.rows, slots, panels, layout.columns).transpose(2, 3, 0, 4, 1)
    return w.reshape(slots * panels, (K + filled[0][1]) * layout.columns)


def forward(
    run: Run,
    weights: Weights,
    readout: Readout | None,
    x: Float[Array, "T B I"],
    initial: State,
    lengths: Int[Array, "B"] | None,
) -> tuple[Float[Array, "T B O"], State]:
    """`kernels.contract.PackedForward`."""
    read = readout or Readout(weights.w_h[:0], weights.b[:0])

    @opaque(f"t b i, p k, q v, s, r m, o, b h, n b h, {axis(lengths)} -> t b o, b h, n b h, l b h")
    def call(*arrays):
        x, *_, b_o, h_0, carried_0, _ = arrays
        (T, B, _), H = x.shape, h_0.shape[1]
        last = shapes_of((h_0, carried_0))
        shapes = [(T, B, len(b_o)), *last, (T if readout is None else 0, B, H)]
        return call_handler("packed_forward", run, shapes, *arrays)

    y, *last, h = call(x, *weights, *read, *as_arrays(initial), as_array(lengths))
    return h if readout is None else y, as_state(*last)
