"""Lengths and the reverse direction for kernels that know neither.

Such a kernel goes through the padding, too. There its inputs are chosen so that what is carried
passes unchanged and h does not grow; the last h is then taken from where its sequence ends.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from kernels.common.sequences import inside, where_inside, without_padding
from kernels.contract import Run, State
from reference.cells import Cell

Lengths = Int[Array, "B"] | None
States = tuple[Float[Array, "T B H"], State]


def states(
    forward: Callable[[Float[Array, "T B X"], State], States],
    run: Run,
    pre: Float[Array, "T B X"],
    initial: State,
    lengths: Lengths,
) -> States:
    """h and the last state, by `forward`, which goes through whole sequences from their start."""
    start = initial
    if lengths is not None:
        outside = ~inside(lengths, len(pre))[..., None]
        pre = jnp.where(outside, _idle(run.cell, pre), pre)
        # A row that only fills the batch up may start from anything, NaN too.
        start = where_inside(lengths > 0, initial, jax.tree.map(jnp.zeros_like, initial))
    h, last = forward(_turned(pre, lengths) if run.reverse else pre, start)
    if lengths is not None:
        last = where_inside(lengths > 0, (_at_end(h, lengths), *last[1:]), initial)
    h = _turned(h, lengths) if run.reverse else h
    return without_padding(h, lengths), last


def _idle(cell: Cell, pre: Float[Array, "T B X"]) -> Float[Array, "X"]:
    return jnp.repeat(jnp.asarray(cell.idle, pre.dtype), pre.shape[2] // cell.from_x)


def _turned(sequence: Float[Array, "T B N"], lengths: Lengths) -> Float[Array, "T B N"]:
    """Every sequence backwards, its padding left where it is."""
    if lengths is None:
        return jnp.flip(sequence, 0)
    time = jnp.arange(len(sequence))[:, None]
    source = jnp.where(time < lengths, lengths - 1 - time, time)
    return jnp.take_along_axis(sequence, source[..., None], axis=0)


def _at_end(h: Float[Array, "T B H"], lengths: Int[Array, "B"]) -> Float[Array, "B H"]:
    """Of a sequence of no step, any state."""
    return jnp.take_along_axis(h, jnp.maximum(lengths - 1, 0)[None, :, None], axis=0)[0]
