"""From arrays to one kernel launch: padding, shared memory, the grid."""

from typing import Any

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import mosaic_gpu as plgpu
from jaxtyping import Array, Float

from kernels.common.padding import pad
from kernels.common.sharding import result_like
from kernels.mosaic.block import Block, Recurrence
from kernels.mosaic.computing import compute
from kernels.mosaic.config import Config, padded_units, warpgroups
from kernels.mosaic.copying import copy


def launch(
    recurrence: Recurrence,
    config: Config,
    inputs: tuple[Float[Array, "T B H"], ...],
    weights: Float[Array, "H H"],
    initial: Float[Array, "B H"],
) -> Float[Array, "T B H"]:
    """Every state of the recurrence, in the dtype of the inputs.

    Whole tiles are computed: arrays of other sizes are padded once, before, and the result cut.
    """
    T, B, H = inputs[0].shape
    rows, units = -(-B // config.batch_tile) * config.batch_tile, padded_units(H)
    states = result_like(inputs[0], (T, rows, units))
    kernel = _kernel(recurrence, config, len(inputs), states)
    padded = kernel(
        *(pad(array, (T, rows, units)) for array in inputs),
        pad(weights, (units, units)),
        pad(initial, (rows, units)),
    )
    return padded[:, :B, :H]


def _kernel(
    recurrence: Recurrence, config: Config, inputs: int, states: jax.ShapeDtypeStruct
) -> Any:
    """The kernel for padded arrays: `inputs` shaped as `states`, then weights, initial state."""
    _, rows, units = states.shape

    def body(*refs, **scratch):
        *arrays, weights, initial, output = refs
        # Read once: each time costs a shuffle among the threads.
        tile, warpgroup = jax.lax.axis_index("tile"), jax.lax.axis_index("warpgroup")
        operands = tuple(arrays), weights, initial, output
        block = Block(recurrence, config, tile, warpgroup, *operands, **scratch)
        copies = warpgroup == warpgroups(block.H)
        pl.when(copies)(lambda: copy(block))
        pl.when(jnp.logical_not(copies))(lambda: compute(block))

    return plgpu.kernel(
        body,
        out_type=states,
        scratch_types=_scratch(config, inputs, units, states.dtype),
        grid=(rows // config.batch_tile,),
        grid_names=("tile",),
        num_threads=warpgroups(units) + 1,
        thread_name="warpgroup",
        # Every access is ordered by the barriers of the pipeline; automatic ones would double them.
        compiler_params=plgpu.CompilerParams(
            approx_math=recurrence.approximate, unsafe_no_auto_barriers=True
        ),
    )


def _scratch(config: Config, inputs: int, H: int, dtype: jnp.dtype) -> dict[str, Any]:
    """Shared memory and barriers, named as the fields of `Block`."""
    tile, compute = (config.batch_tile, H), warpgroups(H)
    input_ring = _swizzled((config.input_slots, *tile), dtype)
    scratch = {
        "input_rings": (input_ring,) * inputs,
        "state_ring": _swizzled((config.state_slots, *tile), dtype),
        "setup_ready": plgpu.Barrier(num_arrivals=1 + (config.shared_columns > 0)),
        "inputs_ready": plgpu.Barrier(num_arrivals=inputs, num_barriers=config.input_slots),
        "state_ready": plgpu.Barrier(num_arrivals=compute, num_barriers=config.state_slots),
        "state_free": plgpu.Barrier(num_barriers=config.state_slots),
    }
    if config.shared_columns:
        scratch["shared_weights"] = _swizzled((H, config.shared_columns), dtype)
    return scratch


def _swizzled(shape: tuple[int, ...], dtype: jnp.dtype) -> Any:
    """Shared memory as wgmma wants it: 8 rows of 128 bytes, swizzled against bank conflicts."""
    tiling = plgpu.TilingTransform((8, 128 // dtype.itemsize))
    return plgpu.SMEM(shape, dtype, transforms=(tiling, plgpu.SwizzleTransform(128)))
