"""Both halves of the kernel as JAX calls."""

from jaxtyping import Array, Float

from kernels.common.sharding import result_like
from kernels.contract import Run
from kernels.triton.bridge import triton_call
from kernels.triton.config import Config, choose, constants


def forward(
    run: Run,
    pre: Float[Array, "T B H"],
    w_h: Float[Array, "H H"],
    initial: Float[Array, "B H"],
    *,
    config: Config | None = None,
) -> Float[Array, "T B H"]:
    """All states in one launch; `config` overrides the choice of tile and warps."""
    from kernels.triton import programs

    return _launch(programs.forward, run, config, pre, w_h, initial)


def backward(
    run: Run,
    dh: Float[Array, "T B H"],
    h: Float[Array, "T B H"],
    w_h: Float[Array, "H H"],
    *,
    config: Config | None = None,
) -> Float[Array, "T B H"]:
    """Every slot's derivative in one launch; `config` overrides the choice of tile and warps."""
    from kernels.triton import programs

    return _launch(programs.backward, run, config, dh, h, w_h)


def _launch(
    program, run: Run, config: Config | None, sequence: Float[Array, "T B H"], *rest: Array
) -> Float[Array, "T B H"]:
    T, B, H = sequence.shape
    config = config or choose(H)
    return triton_call(
        sequence,
        *rest,
        T,
        B,
        kernel=program,
        out=result_like(sequence, sequence.shape),
        grid=(-(-B // config.tile),),
        num_warps=config.warps,
        **constants(H, config, run.cell.name),
    )
