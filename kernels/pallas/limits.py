"""What the kernel runs on, and what one program of it can hold; found by compiling for Hopper."""

import jax.numpy as jnp

from kernels import scan
from kernels.common.padding import power_of_two_units
from kernels.contract import Problem
from reference import CELLS

try:
    from jax.experimental.pallas import triton as backend
except ImportError:  # removed, as announced
    backend = None

TILE = 16  # rows of the batch that a program owns
SHARED = 227  # KiB of shared memory that a program may have on Hopper


def unavailable(platform: str) -> str | None:
    """Interpreted on CPU; on GPU as long as JAX has the backend."""
    if platform not in ("cpu", "gpu"):
        return f"compiled for NVIDIA GPUs, interpreted on CPU; this is {platform}"
    if platform == "gpu" and backend is None:
        return "this version of JAX no longer has Pallas's Triton backend; use 'mosaic' or 'triton'"
    return None


def unsupported(problem: Problem) -> str | None:
    """As `scan` on CPU, where the interpreter is XLA; on GPU what one program can hold."""
    if problem.platform == "cpu":
        return scan.unsupported(problem)
    if problem.dtype == jnp.float64:
        return "float64 is not compiled for GPU"
    return _spills(problem) or _too_large(problem)


def _spills(problem: Problem) -> str | None:
    """Products in full float32 run without tensor cores, their operands in registers."""
    if (problem.dtype, problem.precision) != (jnp.float32, "full"):
        return None
    if len(CELLS[problem.cell].slots) > 1:
        return f"cell {problem.cell!r} in full float32 spills registers; tf32 does not"
    if problem.H > 64:
        return f"H {problem.H} in full float32 spills registers; up to H 64, or tf32, does not"
    return None


def _too_large(problem: Problem) -> str | None:
    """W_h stays in shared memory: read again in every step, as it could be, it spills registers."""
    H, units, cell = problem.H, power_of_two_units(problem.H), CELLS[problem.cell]
    kib = cell.from_h * units**2 * problem.dtype.itemsize // 1024
    if kib >= SHARED:
        padded = f"{units} x {cell.from_h} x {units}" if cell.from_h > 1 else f"{units} x {units}"
        return f"H {H} needs {kib} KiB for W_h (as {padded}); one SM holds {SHARED} KiB"
    arrays = max(len(cell.slots), len(cell.carried) + len(cell.saved))
    if problem.T * (problem.B + TILE) * arrays * units >= 2**31:
        return f"T {problem.T} x B {problem.B} x H {H} is beyond the 32-bit offsets of the backend"
    return None


def emulated(platform: str) -> str | None:
    """Pallas has no CPU backend."""
    if platform != "cpu":
        return None
    return "interpret mode: Pallas has no CPU backend, so a timing would say nothing of the kernel"
