"""The copying warpgroup: it runs ahead with the inputs and behind with the states."""

import jax
from jax.experimental import pallas as pl
from jax.experimental.pallas import mosaic_gpu as plgpu

from kernels.mosaic.block import Block, Index


def copy(block: Block) -> None:
    """Feed the inputs and drain the states."""
    if block.config.registers is not None:
        plgpu.set_max_registers(block.config.registers[0], action="decrease")
    _fetch_setup(block)
    for k in range(min(block.config.input_slots, block.T)):
        _fetch_inputs(block, k)
    for slot in range(block.config.state_slots - 1):
        plgpu.barrier_arrive(block.state_free.at[slot])
    plgpu.barrier_wait(block.state_ready.at[block.slot(-1)])
    jax.lax.fori_loop(0, block.T, lambda k, _: _step(block, k), None)
    plgpu.wait_smem_to_gmem(0)


def _step(block: Block, k: Index) -> None:
    """Store state_k, replace the inputs of step k, free the slot of state_{k-1}."""
    slot, later = block.slot(k), k + block.config.input_slots
    plgpu.barrier_wait(block.state_ready.at[slot])
    stored = block.output.at[block.time(k), block.batch]
    plgpu.copy_smem_to_gmem(block.state_ring.at[slot], stored)
    pl.when(later < block.T)(lambda: _fetch_inputs(block, later))
    plgpu.wait_smem_to_gmem(1, wait_read_only=True)
    plgpu.barrier_arrive(block.state_free.at[block.slot(k - 1)])


def _fetch_inputs(block: Block, k: Index) -> None:
    """Start copying the inputs of step k to their slot."""
    slot = block.input_slot(k)
    for source, ring in zip(block.inputs, block.input_rings, strict=True):
        tile = source.at[block.time(k), block.batch]
        plgpu.copy_gmem_to_smem(tile, ring.at[slot], block.inputs_ready.at[slot])


def _fetch_setup(block: Block) -> None:
    """Start copying the initial state, and the columns of W that live in shared memory."""
    initial = block.state_ring.at[block.slot(-1)]
    plgpu.copy_gmem_to_smem(block.initial.at[block.batch], initial, block.setup_ready)
    if block.shared_weights is not None:
        columns = block.weights.at[:, block.shared_columns]
        plgpu.copy_gmem_to_smem(columns, block.shared_weights, block.setup_ready)
