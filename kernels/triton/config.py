"""How one launch is cut up, and what fits; it imports no Triton."""

from dataclasses import dataclass

import jax.numpy as jnp

from kernels.common import elman
from kernels.common.padding import power_of_two_units
from kernels.contract import Problem

REGISTER_FILE = 256  # KiB of one streaming multiprocessor


@dataclass(frozen=True)
class Config:
    """A program owns `tile` rows of the batch for all T, and splits H over `warps`."""

    tile: int
    warps: int


def choose(H: int) -> Config:
    """16 rows, the narrowest product that Triton gives to wgmma, and 16 hidden units a warp.

    A step is latency, so the narrowest tile is the fastest; 32 rows spill at H 256.
    """
    return Config(tile=16, warps=power_of_two_units(H) // 16)


def constants(H: int, config: Config, cell: str) -> dict[str, int | str]:
    """The compile-time arguments of the programs."""
    return {"H": H, "ROWS": power_of_two_units(H), "TILE": config.tile, "CELL": cell}


def unsupported(problem: Problem) -> str | None:
    """Tensor-core dtypes only, and W_h has to fit the registers of one SM."""
    if reason := elman.unsupported(problem):
        return reason
    if problem.dtype == jnp.float64:
        return "float64 is not written for Triton"
    if problem.dtype == jnp.float32 and problem.precision != "tf32":
        return "full float32 products spill registers in Triton; precision 'tf32' does not"
    return _too_large(problem.H, problem.dtype.itemsize)


def _too_large(H: int, itemsize: int) -> str | None:
    size = power_of_two_units(H)
    kib = size * size * itemsize // 1024
    if 2 * kib <= REGISTER_FILE:
        return None
    return (
        f"H {H} needs {kib} KiB for W_h (as {size} x {size}), kept in the registers of one SM; "
        f"half of their {REGISTER_FILE} KiB is the most it may take"
    )
