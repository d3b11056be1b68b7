"""`mosaic`: the whole recurrence in one Pallas Mosaic GPU kernel, for Hopper's tensor cores.

A thread block owns a tile of the batch for all T, so nothing is launched or exchanged between
blocks from step to step. Each of its warpgroups computes 64 hidden units: 64 rows of W_h^T, held
in registers (beyond H 256 partly in shared memory), times the transposed state in shared memory.
W_h is the tall operand of wgmma and the batch its width, which may be as small as 8. The
accumulator starts as pre_t, which is loaded while the previous state is still awaited, so a step's
critical path is: barrier, wgmma over H, activation, store to shared memory, barrier. One more
warpgroup runs ahead with pre and behind with h, and does nothing but copy.

Products accumulate in float32 and states are rounded once a step; float32 is multiplied as TF32,
with W_h in shared memory. It has not run on a GPU yet: numerics and races are checked in
Pallas's interpreter, registers and shared memory by compiling. What only hardware can show is
wgmma's register operands, `setmaxnreg`, the error of TF32, and the speed.
"""

import jax

from kernels.common import elman
from kernels.contract import Kernel
from kernels.mosaic.calls import backward, forward
from kernels.mosaic.config import Config, choices, heuristic, unsupported

__all__ = [
    "KERNEL",
    "Config",
    "backward",
    "choices",
    "forward",
    "heuristic",
    "unavailable",
    "unsupported",
]


def unavailable(platform: str) -> str | None:
    """wgmma exists on Hopper alone: later generations have another instruction.

    Without a GPU, the answer is for the one that the kernel is compiled for.
    """
    if platform != "gpu":
        return f"written for NVIDIA Hopper GPUs; this is {platform}"
    device = jax.devices()[0]
    capability = str(getattr(device, "compute_capability", "9.0"))
    if not capability.startswith("9."):
        return f"needs compute capability 9.x (Hopper); {device.device_kind} has {capability}"
    return None


KERNEL = Kernel(elman.forward(forward), elman.backward(backward), unavailable, unsupported)
