"""A computing warpgroup: its units of the state, step after step."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import mosaic_gpu as plgpu
from jaxtyping import Array, Float

from kernels.mosaic.block import Block, Index, Ref
from kernels.mosaic.config import ROWS

Values = Float[Array, "units batch"]
LAYOUT = plgpu.Layout.WGMMA  # how a warpgroup holds a matrix: as wgmma reads and leaves it
TRANSPOSED = plgpu.Layout.WGMMA_TRANSPOSED  # the same with pairs of units, not of batch rows


def compute(block: Block) -> None:
    """Hold W, then every step."""
    if block.config.registers is not None:
        plgpu.set_max_registers(block.config.registers[1], action="increase")
    held = _hold_weights(block)
    plgpu.barrier_wait(block.setup_ready)
    plgpu.barrier_arrive(block.state_ready.at[block.slot(-1)])
    jax.lax.fori_loop(0, block.T, lambda k, _: _step(block, k, held), None)
    _drain(block)


def multiply_add(start: Values, multiply: Callable[[Ref], None]) -> Values:
    """`start` plus the products that `multiply` issues: the accumulator starts there."""
    return pl.run_state(multiply)(plgpu.ACC.init(start))


def publish(block: Block, state: Values, slot: Index) -> None:
    """Write this warpgroup's units of a state, for wgmma and TMA to read."""
    tile = block.state_ring.at[slot, :, block.units].transpose((1, 0))
    tile[...] = plgpu.layout_cast(state, _memory_layout(block))
    plgpu.commit_smem()
    plgpu.barrier_arrive(block.state_ready.at[slot])


def _step(block: Block, k: Index, held: Array | None) -> None:
    """state_k. All else that it waits for comes before state_{k-1}, which is the latest."""
    slot, before = block.slot(k), block.slot(k - 1)
    plgpu.barrier_wait(block.state_free.at[slot])
    first, *others = _take_inputs(block, k)
    plgpu.barrier_wait(block.state_ready.at[before])
    total = multiply_add(first, lambda acc: _multiply(block, acc, held, before))
    state = _only_units(block, block.recurrence.finish(total, *others))
    publish(block, state.astype(block.output.dtype), slot)


def _drain(block: Block) -> None:
    """Observe every phase that completes: no barrier may die with one unseen."""
    plgpu.barrier_wait(block.state_ready.at[block.slot(block.T - 1)])
    for k in range(block.T, block.T + block.config.state_slots - 1):
        plgpu.barrier_wait(block.state_free.at[block.slot(k)])


def _hold_weights(block: Block) -> Array | None:
    """This warpgroup's rows of W, the columns that live in registers."""
    if not block.register_columns.size:
        return None
    rows = block.weights.at[block.units, block.register_columns]
    return plgpu.load(rows, layout=LAYOUT, optimized=False)


def _take_inputs(block: Block, k: Index) -> list[Values]:
    """This warpgroup's units of the inputs of step k, in float32."""
    slot = block.input_slot(k)
    plgpu.barrier_wait(block.inputs_ready.at[slot])
    return [_load(block, ring, slot).astype(jnp.float32) for ring in block.input_rings]


def _load(block: Block, ring: Ref, slot: Index) -> Values:
    """This warpgroup's units of a (batch, units) tile, transposed."""
    tile = ring.at[slot, :, block.units].transpose((1, 0))
    values = plgpu.load(tile, layout=_memory_layout(block), optimized=False)
    return plgpu.layout_cast(values, LAYOUT)


def _memory_layout(block: Block) -> plgpu.Layout:
    """How values pass to and from shared memory: only 16-bit ones are transposed on the way."""
    return LAYOUT if block.output.dtype.itemsize == 2 else TRANSPOSED


def _multiply(block: Block, acc: Ref, held: Array | None, slot: Index) -> None:
    """Add W times the state in this slot."""
    if held is not None:
        state = block.state_ring.at[slot, :, block.register_columns]
        plgpu.wgmma(acc, held, state.transpose((1, 0)))
    if block.shared_weights is not None:
        state = block.state_ring.at[slot, :, block.shared_columns]
        plgpu.wgmma(acc, block.shared_weights.at[block.units], state.transpose((1, 0)))


def _only_units(block: Block, state: Values) -> Values:
    """Zero the units that are padding: they would spread NaN, since 0 times Inf is NaN."""
    if block.recurrence.units == block.H:
        return state
    unit = plgpu.broadcasted_iota(jnp.int32, state.shape, 0, layout=LAYOUT)
    return jnp.where(block.warpgroup * ROWS + unit < block.recurrence.units, state, 0.0)
