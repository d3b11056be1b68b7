"""`triton`: the whole time loop in one Triton kernel, W_h held in registers, by jax-triton.

Checked in Triton's interpreter and as sm_90 code (wgmma, no spills); it has not run on a GPU yet.
"""

from kernels.common import elman
from kernels.contract import Kernel
from kernels.triton.bridge import unavailable
from kernels.triton.calls import backward, forward
from kernels.triton.config import unsupported

KERNEL = Kernel(elman.forward(forward), elman.backward(backward), unavailable, unsupported)
