"""One thread block of the pipeline that both directions of the recurrence share.

    state_k = finish(input_k + W state_{k-1}, *others_k),   k = 0 ... T - 1

A warpgroup computes 64 units of the state for a tile of the batch, as W's rows times the
transposed state. One more warpgroup moves every tile between global and shared memory. They meet
in three rings of barriers, one barrier to a slot, so that none can fall a whole phase behind:

    inputs_ready   copy -> compute   the inputs of step k have arrived
    state_ready    compute -> all    every warpgroup has written state_k, and is done with the
                                     inputs of step k and with state_{k-1}
    state_free     copy -> compute   the slot may be overwritten: its state has been stored

and once at the start: `setup_ready`, when the initial state and the shared part of W are there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
from jax.experimental import pallas as pl
from jaxtyping import Array, Float

from kernels.mosaic.config import ROWS, Config

Ref = Any  # a view of global or shared memory, or barriers
Index = Any  # an integer, or one that the kernel computes


@dataclass(frozen=True)
class Recurrence:
    """What is computed. `finish` maps (units, batch) float32 values to the next state."""

    finish: Callable[..., Float[Array, "units batch"]]
    units: int  # of the state; the arrays may be padded beyond
    reverse: bool = False  # in time
    approximate: bool = False  # transcendentals to about 2^-11


@dataclass(frozen=True)
class Block:
    """One thread block: its views of memory, and which part of them is whose."""

    recurrence: Recurrence
    config: Config
    tile: Index  # of this block, in the batch
    warpgroup: Index  # of this warpgroup, in the block
    inputs: tuple[Ref, ...]  # (T, B, H) each, in global memory like the next three
    weights: Ref  # (H, H), a row for each unit of the next state
    initial: Ref  # (B, H)
    output: Ref  # (T, B, H)
    input_rings: tuple[Ref, ...]  # (input_slots, batch_tile, H) each, in shared memory
    state_ring: Ref  # (state_slots, batch_tile, H)
    setup_ready: Ref
    inputs_ready: Ref
    state_ready: Ref
    state_free: Ref
    shared_weights: Ref | None = None  # (H, shared_columns)

    @property
    def T(self) -> int:
        return self.output.shape[0]

    @property
    def H(self) -> int:
        return self.output.shape[2]

    @property
    def register_columns(self) -> pl.Slice:
        """The columns of W that warpgroups hold, each its own rows."""
        return pl.ds(0, self.H - self.config.shared_columns)

    @property
    def shared_columns(self) -> pl.Slice:
        """The columns of W in shared memory."""
        return pl.ds(self.H - self.config.shared_columns, self.config.shared_columns)

    @property
    def batch(self) -> pl.Slice:
        """The rows of the batch that this block owns."""
        rows = self.config.batch_tile
        return pl.ds(self.tile * rows, rows)

    @property
    def units(self) -> pl.Slice:
        """The units of the state that this warpgroup owns."""
        return pl.ds(self.warpgroup * ROWS, ROWS)

    def slot(self, k: Index) -> Index:
        """Where state_k is: the initial state, k = -1, in the last slot."""
        slots = self.config.state_slots
        return jax.lax.rem(k + slots, slots)

    def input_slot(self, k: Index) -> Index:
        """Where the inputs of step k are."""
        return jax.lax.rem(k, self.config.input_slots)

    def time(self, k: Index) -> Index:
        """The time step that is the k-th computed."""
        return self.T - 1 - k if self.recurrence.reverse else k
