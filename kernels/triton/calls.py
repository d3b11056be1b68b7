"""Both halves of the kernel as JAX calls."""

from functools import partial

import jax
from jaxtyping import Array, Float

from kernels.batching import folding
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
    return folding(lambda w_hh, z, h0: launch(z, w_hh, h0))(w_hh, z, h0)


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
    return folding(lambda w_hh, dh, h: launch(dh, h, w_hh))(w_hh, dh, h)


def _launch(program, activation: str, config: Config | None, sequence, *rest):
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
