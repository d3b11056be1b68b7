"""What is too large to be measured on this machine, known before any of it is allocated.

A case that cannot fit would end the process: XLA aborts, or the system kills it. One that takes
minutes a call would show no line for as long. Either is refused as unsupported, by a model of what
it needs: `bench.cases.cost`.
"""

from functools import cache

import jax
import psutil

from bench.cases import cost
from bench.cases.case import Case
from bench.cases.dtypes import FORMATS
from bench.timing import processor
from kernels.contract import current_platform

# A core's rate in float64 products with few rows, of which AVX2 allows ten times as much.
SLOW_FLOPS = 5e9
LONGEST_S = 120  # at that rate, of a case's inputs, one call and its check
GIB = 2**30


def too_large(case: Case) -> str | None:
    """Why the case cannot be measured here, in words, or None."""
    return _too_big(case) or _too_long(case)


def _too_big(case: Case) -> str | None:
    need = cost.memory(case.workload, case.cell, case.phase, FORMATS[case.dtype].itemsize)
    if current_platform() != "gpu":
        return _lacking("memory", need.host + need.device, available_bytes())
    on_device = _lacking("GPU memory", need.device, available_on_device())
    return on_device or _lacking("memory", need.host, available_bytes())


def _lacking(what: str, need: int, has: int | None) -> str | None:
    if has is None or need <= has:
        return None
    return f"needs {need / GIB:,.1f} GiB of {what}, has {has / GIB:,.1f} GiB"


@cache
def available_bytes() -> int:
    """Of the machine's memory, at the first call: later the run's own cases take some."""
    return psutil.virtual_memory().available


@cache
def available_on_device() -> int | None:
    """The same of a GPU's, where its allocator tells."""
    stats = jax.devices()[0].memory_stats() or {}
    return stats["bytes_limit"] - stats["bytes_in_use"] if "bytes_limit" in stats else None


def _too_long(case: Case) -> str | None:
    seconds = expected_seconds(case)
    if seconds <= LONGEST_S:
        return None
    flops = cost.checked_flops(case.workload, case.cell, case.scope, case.phase)
    return (
        f"needs {flops / 1e12:,.3g} TFLOP and {case.workload.T:,} steps with its check, perhaps "
        f"{seconds / 60:,.0f} minutes on {_threads(case)} threads; at most "
        f"{LONGEST_S // 60} may pass without a result"
    )


def expected_seconds(case: Case, threads: int = 0) -> float:
    """Of the case's inputs, one call and its check, on slow cores: the case's, or so many."""
    flops = cost.checked_flops(case.workload, case.cell, case.scope, case.phase)
    slots = cost.checked_slots(case.workload, case.cell, case.phase)
    return flops / (SLOW_FLOPS * (threads or _threads(case))) + slots * cost.SLOW_SLOT_S


def _threads(case: Case) -> int:
    return case.cores or processor.threads()
