"""One program of each half: the whole time loop for its rows of the batch.

Each step loads what the next one needs before its own products, so that none waits for memory.
Units that are padding are zero in whatever is multiplied: Inf times a zero of padded weights is
NaN, and would spread from there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from kernels.common.numerics import accumulator, dot
from kernels.contract import Run, State

Ref = Any  # a view of memory, which reads and writes as an array
Tile = Float[Array, "tile units"]


@dataclass(frozen=True)
class Launched:
    """What both programs are compiled for."""

    run: Run
    H: int  # units that exist; arrays may be padded beyond

    def matrices(self, ref: Ref) -> list[Float[Array, "units units"]]:
        """W_h, one a slot, read once for all T."""
        return [ref[:, slot] for slot in range(self.run.cell.from_h)]

    def existing(self, values: Tile) -> Tile:
        """Zero in the padding."""
        if values.shape[1] == self.H:
            return values
        return jnp.where(jax.lax.broadcasted_iota(jnp.int32, values.shape, 1) < self.H, values, 0)


def forward_program(
    launched: Launched,
    w_ref: Ref,
    biases: tuple[Ref, ...],
    pre_ref: Ref,
    initial_ref: Ref,
    h_ref: Ref,
    last_ref: Ref,
    *saved_ref: Ref,
) -> None:
    """All states h, the last state, and what the backward program reads of them."""
    cell, precision, T = launched.run.cell, launched.run.precision, len(pre_ref)
    matrices = launched.matrices(w_ref)
    own = [ref[slot] for ref in biases for slot in range(cell.own)]

    def step(t, carry):
        """The state after step t, and of step t + 1 what x gives."""
        before, from_x = carry
        ahead = _slots(pre_ref, jnp.minimum(t + 1, T - 1), cell.from_x)
        products = [dot(before[0], w, precision) for w in matrices]
        (h, *carried), saved = cell.advance(from_x, products, own, before)
        h = launched.existing(h)
        h_ref[t] = h
        for ref in saved_ref:
            _store(ref, t, (*carried, *saved))
        return (h, *carried), ahead

    initial = tuple(initial_ref[part] for part in range(len(cell.states)))
    last, _ = jax.lax.fori_loop(0, T, step, (initial, _slots(pre_ref, 0, cell.from_x)))
    for part, values in enumerate(last):
        last_ref[part] = values


def backward_program(
    launched: Launched,
    w_ref: Ref,
    dh_ref: Ref,
    dlast_ref: Ref,
    initial_ref: Ref,
    h_ref: Ref,
    saved_ref: tuple[Ref, ...],
    dpre_ref: Ref,
    dinitial_ref: Ref,
) -> None:
    """The derivatives of every slot and of the initial state."""
    cell, precision, T = launched.run.cell, launched.run.precision, len(dh_ref)
    matrices, dtype, wide = launched.matrices(w_ref), dh_ref.dtype, accumulator(dh_ref.dtype)
    parts = range(len(cell.states))

    def read(t):
        """dh, the state after step t, and what was saved of it."""
        kept = [_slots(ref, t, len(cell.carried) + len(cell.saved)) for ref in saved_ref]
        values = (h_ref[t], *sum(kept, ()))
        return dh_ref[t], values[: len(parts)], values[len(parts) :]

    def step(i, carry):
        """The i-th from the end: the state's derivative before it, and what the next one reads."""
        dstate, (dh, after, saved) = carry
        t = T - 1 - i
        ahead = read(jnp.maximum(t - 1, 0))
        before = tuple(
            jnp.where(t > 0, values, initial_ref[part]) for part, values in enumerate(ahead[1])
        )
        given = (dh, saved, before, after)
        dh, saved, before, after = jax.tree.map(lambda values: values.astype(wide), given)
        dslots, (dbefore, *dcarried) = cell.step_vjp(
            (dstate[0] + dh, *dstate[1:]), saved, before, after
        )
        dslots = [launched.existing(values).astype(dtype) for values in dslots]
        _store(dpre_ref, t, dslots)
        for values, w in zip(dslots[-cell.from_h :], matrices, strict=True):
            dbefore = dbefore + dot(values, w.T, precision)
        return (dbefore, *dcarried), ahead

    dlast = tuple(dlast_ref[part].astype(wide) for part in parts)
    dinitial, _ = jax.lax.fori_loop(0, T, step, (dlast, read(T - 1)))
    for part, values in enumerate(dinitial):
        dinitial_ref[part] = values.astype(dtype)


def _slots(ref: Ref, t: Any, count: int) -> State:
    """Of step t, one tile a slot."""
    return tuple(ref[t, :, slot] for slot in range(count))


def _store(ref: Ref, t: Any, values: Sequence[Tile]) -> None:
    for slot, each in enumerate(values):
        ref[t, :, slot] = each
