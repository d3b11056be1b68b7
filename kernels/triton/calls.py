"""Both halves of the kernel as JAX calls."""

from functools import partial

from jaxtyping import Array, Float

from kernels.common.opaque import BACKWARD, FORWARD, opaque
from kernels.common.sharding import result_like
from kernels.triton.bridge import triton_call
from kernels.triton.config import Config, choose, constants


def forward(
    z: Float[Array, "T B H"],
    w_hh: Float[Array, "H H"],
    h0: Float[Array, "B H"],
    *,
    activation: str,
    precision: str,
    config: Config | None = None,
) -> Float[Array, "T B H"]:
    """`kernels.contract.Forward` in one launch; `config` overrides the choice of tile and warps."""
    from kernels.triton import programs

    launch = partial(_launch, programs.forward, activation, config)
    return opaque(FORWARD)(launch)(z, w_hh, h0)[0]


def backward(
    dh: Float[Array, "T B H"],
    h: Float[Array, "T B H"],
    w_hh: Float[Array, "H H"],
    *,
    activation: str,
    precision: str,
    config: Config | None = None,
) -> Float[Array, "T B H"]:
    """`kernels.contract.Backward` in one launch; `config` overrides the choice of tile, warps."""
    from kernels.triton import programs

    launch = partial(_launch, programs.backward, activation, config)
    return opaque(BACKWARD)(launch)(dh, h, w_hh)[0]


def _launch(program, activation: str, config: Config | None, sequence, *rest):
    T, B, H = sequence.shape
    config = config or choose(H)
    states = triton_call(
        sequence,
        *rest,
        T,
        B,
        kernel=program,
        out=result_like(sequence, sequence.shape),
        grid=(-(-B // config.tile),),
        num_warps=config.warps,
        **constants(H, config, activation),
    )
    return (states,)
