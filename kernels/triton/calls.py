"""Both halves of the kernel as JAX calls."""

import jax
from jaxtyping import Array, Float

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

    return _launch(programs.forward, z, w_hh, h0, activation=activation, config=config)


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

    return _launch(programs.backward, dh, h, w_hh, activation=activation, config=config)


def _launch(program, sequence, *rest, activation: str, config: Config | None):
    T, B, H = sequence.shape
    config = config or choose(H)
    return triton_call(
        sequence,
        *rest,
        T,
        B,
        kernel=program,
        out=jax.ShapeDtypeStruct(sequence.shape, sequence.dtype),
        grid=(-(-B // config.tile),),
        num_warps=config.warps,
        **constants(H, config, activation),
    )
