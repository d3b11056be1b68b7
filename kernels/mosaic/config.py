"""How a problem is laid out on one SM: tile, rings, and where W_hh lives. Pure arithmetic."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import jax.numpy as jnp

from kernels.contract import Problem

SMS = 132  # of an H100 or H200 (SXM)
REGISTERS = 65536  # 32-bit, of one SM
SHARED_BYTES = 232448  # the most that one thread block may ask for
THREADS = 128  # in a warpgroup
ROWS = 64  # hidden units of a warpgroup: the height of a wgmma
TILES = (8, 16, 32)  # batch rows of a thread block: the width of a wgmma
DTYPES = ("bfloat16", "float16")
ITEMSIZE = 2
LARGEST_UNITS = 384

# Found by compiling for the H200: with more of either, ptxas spills.
REGISTER_COLUMNS = {64: 64, 128: 128, 192: 192, 256: 256, 320: 192, 384: 192}
LARGEST_TILE = {64: 32, 128: 32, 192: 32, 256: 16, 320: 16, 384: 8}


@dataclass(frozen=True)
class Config:
    """One launch. All of it can be tuned by hand; `heuristic` chooses it otherwise."""

    batch_tile: int  # batch rows of a thread block, a multiple of 8
    input_slots: int  # steps of input in flight or waiting
    state_slots: int  # states being written, multiplied or stored; 2 work, 4 hide the store
    shared_columns: int  # columns of W_hh^T in shared memory; the others are in registers
    registers: tuple[int, int] | None  # per thread: copying, computing; None: as launched


def heuristic(problem: Problem, inputs: int = 1) -> Config:
    """The configuration for a supported problem whose step reads `inputs` arrays.

    The narrowest tile that leaves no SM with two, for a step's latency grows with the tile; then
    the deepest rings that fit.
    """
    H = padded_units(problem.H)
    tiles = [tile for tile in TILES if tile <= LARGEST_TILE[H]]
    tile = next((tile for tile in tiles if tile * SMS >= problem.B), tiles[-1])
    config = Config(tile, 8, 4, H - REGISTER_COLUMNS[H], _register_split(warpgroups(H)))
    while shared_bytes(config, H, inputs) > SHARED_BYTES:
        config = replace(config, input_slots=config.input_slots - 1)
    return config


def unsupported(problem: Problem) -> str | None:
    """Why the tensor-core pipeline cannot run this problem, in words, or None."""
    dtype = jnp.dtype(problem.dtype).name
    if dtype not in DTYPES:
        return f"its products are of {' or '.join(DTYPES)}, not {dtype}"
    if problem.H > LARGEST_UNITS:
        size = problem.H**2 * ITEMSIZE / 1024
        return (
            f"H {problem.H} needs W_hh of {size:.0f} KiB in the registers and shared memory of "
            f"one SM, beside its buffers; H {LARGEST_UNITS} is the most that fits"
        )
    return None


def choices() -> Iterator[Problem]:
    """One problem for each configuration that `heuristic` can choose, in each dtype."""
    for dtype in map(jnp.dtype, DTYPES):
        for H, largest in LARGEST_TILE.items():
            for tile in TILES[: 1 + TILES.index(largest)]:
                yield Problem(100, tile * SMS, H, dtype, "relu", "full", "gpu")


def padded_units(H: int) -> int:
    """H, rounded up to whole warpgroups."""
    return -(-H // ROWS) * ROWS


def warpgroups(H: int) -> int:
    """How many warpgroups compute, for a padded H; one more copies."""
    return H // ROWS


def shared_bytes(config: Config, H: int, inputs: int) -> int:
    """Shared memory of a thread block: columns of W_hh^T, the rings, their barriers."""
    tiles = config.input_slots * inputs + config.state_slots
    barriers = 1 + config.input_slots + 2 * config.state_slots
    return (config.shared_columns + tiles * config.batch_tile) * H * ITEMSIZE + 8 * barriers


def _register_split(compute: int) -> tuple[int, int] | None:
    """Registers of a copying and of a computing thread, in eights; None: an even share is ample.

    Together they must not exceed what the block was launched with, or `setmaxnreg` never returns.
    """
    if compute < 4:
        return None
    launched = REGISTERS // (THREADS * (compute + 1)) // 8 * 8 * (compute + 1)
    each = (launched - 24) // compute // 8 * 8
    return launched - compute * each, each
