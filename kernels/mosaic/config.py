"""How a problem is laid out on one SM: tile, rings, and where W_h lives. Pure arithmetic."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import jax.numpy as jnp

from kernels.common import elman
from kernels.contract import Problem

SMS = 132  # of an H100 or H200 (SXM)
REGISTERS = 65536  # 32-bit, of one SM
SHARED_BYTES = 232448  # the most that one thread block may ask for
THREADS = 128  # in a warpgroup
ROWS = 64  # hidden units of a warpgroup: the height of a wgmma
TILES = (8, 16, 32)  # batch rows of a thread block: the width of a wgmma

# By size of an element and padded H. Found by compiling for the H200: with more columns of W_h^T
# in registers, or a wider tile, ptxas spills or shared memory overflows. Mosaic takes no 32-bit
# operand in registers.
REGISTER_COLUMNS = {
    2: {64: 64, 128: 128, 192: 192, 256: 256, 320: 192, 384: 192},
    4: {64: 0, 128: 0, 192: 0},
}
LARGEST_TILE = {
    2: {64: 32, 128: 32, 192: 32, 256: 16, 320: 16, 384: 8},
    4: {64: 32, 128: 32, 192: 8},
}
DTYPES = ("bfloat16", "float16", "float32")


@dataclass(frozen=True)
class Config:
    """One launch. All of it can be tuned by hand; `heuristic` chooses it otherwise."""

    batch_tile: int  # batch rows of a thread block, a multiple of 8
    input_slots: int  # steps of input in flight or waiting
    state_slots: int  # states being written, multiplied or stored; 2 work, 4 hide the store
    shared_columns: int  # columns of W_h^T in shared memory; the others are in registers
    registers: tuple[int, int] | None  # per thread: copying, computing; None: as launched


def heuristic(problem: Problem, inputs: int = 1) -> Config:
    """The configuration for a supported problem whose step reads `inputs` arrays.

    The narrowest tile that leaves no SM with two, for a step's latency grows with the tile; then
    the deepest rings that fit.
    """
    H, itemsize = padded_units(problem.H), problem.dtype.itemsize
    tiles = [tile for tile in TILES if tile <= LARGEST_TILE[itemsize][H]]
    tile = next((tile for tile in tiles if tile * SMS >= problem.B), tiles[-1])
    columns = H - REGISTER_COLUMNS[itemsize][H]
    config = Config(tile, 8, 4, columns, _register_split(warpgroups(H)))
    while shared_bytes(config, H, itemsize, inputs) > SHARED_BYTES:
        config = replace(config, input_slots=config.input_slots - 1)
    return config


def unsupported(problem: Problem) -> str | None:
    """Why the tensor-core pipeline cannot run this problem, in words, or None."""
    if reason := elman.unsupported(problem):
        return reason
    dtype, itemsize = problem.dtype.name, problem.dtype.itemsize
    if dtype not in DTYPES:
        return f"{dtype} is no tensor-core format; {', '.join(DTYPES)} are"
    if dtype == "float32" and problem.precision != "tf32":
        return "float32 is multiplied as TF32 here: ask for it with precision='tf32'"
    if (largest := max(LARGEST_TILE[itemsize])) < problem.H:
        size = problem.H**2 * itemsize / 1024
        return (
            f"H {problem.H} needs W_h of {size:.0f} KiB in the registers and shared memory of "
            f"one SM, beside its buffers; in {dtype} H {largest} is the most that fits"
        )
    return None


def choices() -> Iterator[Problem]:
    """One problem for each configuration that `heuristic` can choose, in each dtype."""
    for dtype in map(jnp.dtype, DTYPES):
        precision = "tf32" if dtype.name == "float32" else "full"
        for H, largest in LARGEST_TILE[dtype.itemsize].items():
            for tile in TILES[: 1 + TILES.index(largest)]:
                yield Problem(100, tile * SMS, H, dtype, "relu", precision, "gpu")


def padded_units(H: int) -> int:
    """H, rounded up to whole warpgroups."""
    return -(-H // ROWS) * ROWS


def warpgroups(H: int) -> int:
    """How many warpgroups compute, for a padded H; one more copies."""
    return H // ROWS


def shared_bytes(config: Config, H: int, itemsize: int, inputs: int) -> int:
    """Shared memory of a thread block: columns of W_h^T, the rings, their barriers."""
    tiles = config.input_slots * inputs + config.state_slots
    barriers = 1 + config.input_slots + 2 * config.state_slots
    return (config.shared_columns + tiles * config.batch_tile) * H * itemsize + 8 * barriers


def _register_split(compute: int) -> tuple[int, int] | None:
    """Registers of a copying and of a computing thread, in eights; None: an even share is ample.

    Together they must not exceed what the block was launched with, or `setmaxnreg` never returns.
    """
    if compute < 4:
        return None
    launched = REGISTERS // (THREADS * (compute + 1)) // 8 * 8 * (compute + 1)
    each = (launched - 24) // compute // 8 * 8
    return launched - compute * each, each
