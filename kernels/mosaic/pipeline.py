"""The pipeline of one thread block, for both directions of the recurrence.

    state_k = finish(input_k + W state_{k-1}, *others_k),   k = 0 ... T - 1

A warpgroup computes 64 units of the state for a tile of the batch, as W's rows times the
transposed state. One more warpgroup moves every tile between global and shared memory. They meet
in three rings of barriers, one barrier to a slot, so that nobody can fall a whole phase behind:

    inputs_ready   copy -> compute   the inputs of step k have arrived
    state_ready    compute -> all    every warpgroup has written state_k, and is done with the
                                     inputs of step k and with state_{k-1}
    state_free     copy -> compute   the slot may be overwritten: its state has been stored

and once at the start: `setup_ready`, when the initial state and the shared part of W are there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import mosaic_gpu as plgpu
from jaxtyping import Array, Float

from kernels.mosaic.config import ROWS, Config, warpgroups

Ref = Any  # a view of global or shared memory, or barriers
Index = Any  # an integer, or one that the kernel computes
LAYOUT = plgpu.Layout.WGMMA  # how a warpgroup holds a matrix: as wgmma reads and leaves it
TRANSPOSED = plgpu.Layout.WGMMA_TRANSPOSED  # the same with pairs of units, not of batch rows


@dataclass(frozen=True)
class Recurrence:
    """What is computed. `finish` maps (units, batch) float32 values to the next state."""

    finish: Callable[..., Float[Array, "units batch"]]
    units: int  # of the state; the arrays may be padded beyond
    reverse: bool = False  # in time
    approximate: bool = False  # transcendentals to about 2^-11


@dataclass(frozen=True)
class Block:
    """One thread block: its views of memory and its two roles."""

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

    @cached_property
    def T(self) -> int:
        return self.output.shape[0]

    @cached_property
    def H(self) -> int:
        return self.output.shape[2]

    @cached_property
    def register_columns(self) -> int:
        return self.H - self.config.shared_columns

    @cached_property
    def memory_layout(self) -> plgpu.Layout:
        """How a tile goes to or from shared memory: only 16-bit values transpose on the way."""
        return LAYOUT if self.output.dtype.itemsize == 2 else TRANSPOSED

    def batch(self) -> pl.Slice:
        """The rows of the batch that this block owns."""
        rows = self.config.batch_tile
        return pl.ds(self.tile * rows, rows)

    def units(self) -> pl.Slice:
        """The units of the state that this warpgroup owns."""
        return pl.ds(self.warpgroup * ROWS, ROWS)

    def time(self, k: Index) -> Index:
        """The time step that is the k-th computed."""
        return self.T - 1 - k if self.recurrence.reverse else k

    def run(self) -> None:
        """Take the role of this warpgroup."""
        copies = self.warpgroup == warpgroups(self.H)
        pl.when(copies)(self.copy)
        pl.when(jnp.logical_not(copies))(self.compute)

    # The copying warpgroup.

    def copy(self) -> None:
        """Feed the inputs and drain the states."""
        self.set_registers(0, "decrease")
        self.fetch_setup()
        for k in range(min(self.config.input_slots, self.T)):
            self.fetch_inputs(k)
        for slot in range(self.config.state_slots - 1):
            plgpu.barrier_arrive(self.state_free.at[slot])
        plgpu.barrier_wait(self.state_ready.at[self.config.state_slots - 1])
        jax.lax.fori_loop(0, self.T, self.copy_step, None)
        plgpu.wait_smem_to_gmem(0)

    def copy_step(self, k: Index, _: None) -> None:
        """Store state_k, replace the inputs of step k, free the slot of state_{k-1}."""
        slots = self.config.state_slots
        slot = jax.lax.rem(k, slots)
        plgpu.barrier_wait(self.state_ready.at[slot])
        stored = self.output.at[self.time(k), self.batch()]
        plgpu.copy_smem_to_gmem(self.state_ring.at[slot], stored)
        later = k + self.config.input_slots
        pl.when(later < self.T)(lambda: self.fetch_inputs(later))
        plgpu.wait_smem_to_gmem(1, wait_read_only=True)
        plgpu.barrier_arrive(self.state_free.at[jax.lax.rem(k + slots - 1, slots)])

    def fetch_inputs(self, k: Index) -> None:
        """Start copying the inputs of step k to their slot."""
        slot = jax.lax.rem(k, self.config.input_slots)
        for source, ring in zip(self.inputs, self.input_rings, strict=True):
            tile = source.at[self.time(k), self.batch()]
            plgpu.copy_gmem_to_smem(tile, ring.at[slot], self.inputs_ready.at[slot])

    def fetch_setup(self) -> None:
        """Start copying the initial state, and the columns of W that live in shared memory."""
        last = self.state_ring.at[self.config.state_slots - 1]
        plgpu.copy_gmem_to_smem(self.initial.at[self.batch()], last, self.setup_ready)
        if self.shared_weights is not None:
            columns = pl.ds(self.register_columns, self.config.shared_columns)
            source = self.weights.at[:, columns]
            plgpu.copy_gmem_to_smem(source, self.shared_weights, self.setup_ready)

    # A computing warpgroup.

    def compute(self) -> None:
        """Hold W, then every step."""
        self.set_registers(1, "increase")
        held = self.hold_weights()
        plgpu.barrier_wait(self.setup_ready)
        plgpu.barrier_arrive(self.state_ready.at[self.config.state_slots - 1])
        jax.lax.fori_loop(0, self.T, lambda k, _: self.compute_step(k, held), None)
        self.drain()

    def compute_step(self, k: Index, held: Array | None) -> None:
        """state_k. All else that it waits for comes before state_{k-1}, which is the latest."""
        slots = self.config.state_slots
        slot, before = jax.lax.rem(k, slots), jax.lax.rem(k + slots - 1, slots)
        plgpu.barrier_wait(self.state_free.at[slot])
        first, *others = self.take_inputs(k)
        plgpu.barrier_wait(self.state_ready.at[before])
        total = multiply_add(first, lambda acc: self.multiply(acc, held, before))
        state = self.only_units(self.recurrence.finish(total, *others))
        self.publish(state.astype(self.output.dtype), slot)

    def drain(self) -> None:
        """Observe every phase that completes: no barrier may die with one unseen."""
        slots = self.config.state_slots
        plgpu.barrier_wait(self.state_ready.at[(self.T - 1) % slots])
        for k in range(self.T, self.T + slots - 1):
            plgpu.barrier_wait(self.state_free.at[k % slots])

    def hold_weights(self) -> Array | None:
        """This warpgroup's rows of W, the columns that live in registers."""
        if not self.register_columns:
            return None
        rows = self.weights.at[self.units(), pl.ds(0, self.register_columns)]
        return plgpu.load(rows, layout=LAYOUT, optimized=False)

    def take_inputs(self, k: Index) -> list[Float[Array, "units batch"]]:
        """The inputs of step k, in float32."""
        slot = jax.lax.rem(k, self.config.input_slots)
        plgpu.barrier_wait(self.inputs_ready.at[slot])
        return [self.load(ring, slot).astype(jnp.float32) for ring in self.input_rings]

    def load(self, ring: Ref, slot: Index) -> Float[Array, "units batch"]:
        """This warpgroup's units of a (batch, units) tile, transposed."""
        tile = ring.at[slot, :, self.units()].transpose((1, 0))
        values = plgpu.load(tile, layout=self.memory_layout, optimized=False)
        return plgpu.layout_cast(values, LAYOUT)

    def multiply(self, acc: Ref, held: Array | None, slot: Index) -> None:
        """Add W times the state in this slot."""
        if held is not None:
            state = self.state_ring.at[slot, :, pl.ds(0, self.register_columns)]
            plgpu.wgmma(acc, held, state.transpose((1, 0)))
        if self.shared_weights is not None:
            columns = pl.ds(self.register_columns, self.config.shared_columns)
            state = self.state_ring.at[slot, :, columns]
            plgpu.wgmma(acc, self.shared_weights.at[self.units()], state.transpose((1, 0)))

    def only_units(self, state: Float[Array, "units batch"]) -> Float[Array, "units batch"]:
        """Zero the units that are padding: they would spread NaN, since 0 times Inf is NaN."""
        if self.recurrence.units == self.H:
            return state
        unit = plgpu.broadcasted_iota(jnp.int32, state.shape, 0, layout=LAYOUT)
        return jnp.where(self.warpgroup * ROWS + unit < self.recurrence.units, state, 0.0)

    def publish(self, state: Float[Array, "units batch"], slot: Index) -> None:
        """Write this warpgroup's units of a state, for wgmma and TMA to read."""
        tile = self.state_ring.at[slot, :, self.units()].transpose((1, 0))
        tile[...] = plgpu.layout_cast(state, self.memory_layout)
        plgpu.commit_smem()
        plgpu.barrier_arrive(self.state_ready.at[slot])

    def set_registers(self, role: int, action: str) -> None:
        """Give registers to, or take them from, the warpgroups that hold W."""
        if self.config.registers is not None:
            plgpu.set_max_registers(self.config.registers[role], action=action)


def multiply_add(
    start: Float[Array, "units batch"], multiply: Callable[[Ref], None]
) -> Float[Array, "units batch"]:
    """`start` plus the products that `multiply` issues: the accumulator starts there."""
    return pl.run_state(multiply)(plgpu.ACC.init(start))
