"""`pallas`: the whole time loop in one portable `pl.pallas_call`, for every cell.

XLA launches a product and a pointwise part every step and passes the state through memory between
them. Here one program owns its rows of the batch for all T: nothing is launched inside the loop.

On a GPU it is compiled by Pallas's Triton backend, which JAX has deprecated in favour of Mosaic
GPU and will remove. Its machine code for Hopper has been examined; it has not run on a GPU yet.
"""

from kernels.contract import Kernel
from kernels.pallas.calls import backward, forward
from kernels.pallas.limits import emulated, unavailable, unsupported

KERNEL = Kernel(forward, backward, unavailable, unsupported, emulated)
