"""From arrays to one launch: padding, a program for every tile of the batch, interpreted on CPU."""

from collections.abc import Callable
from functools import partial

import jax
from jax.experimental import pallas as pl
from jaxtyping import Array, Float, PyTree

from kernels.common.padding import pad, power_of_two_units
from kernels.common.sharding import result_like, varying
from kernels.contract import Run
from kernels.pallas.limits import TILE, backend
from kernels.pallas.programs import Launched

Shapes = tuple[tuple[int, ...], ...]


def launch(
    program: Callable[..., None],
    run: Run,
    weights: PyTree[Float[Array, "..."]],
    sequences: PyTree[Float[Array, "_ B ..."]],
    shapes: Shapes,
) -> tuple[Float[Array, "_ B ..."], ...]:
    """Results of these shapes. Every array ends in the units, and the batch is the second axis.

    Weights have no batch; each program sees them whole.
    """
    _, B, *_, H = shapes[0]
    rows, units = -(-B // TILE) * TILE, power_of_two_units(H)

    def padded(shape):
        return shape[0], rows, *shape[2:-1], units

    weights = jax.tree.map(lambda array: pad(array, (*array.shape[:-1], units)), weights)
    sequences = jax.tree.map(lambda array: pad(array, padded(array.shape)), sequences)
    results = tuple(result_like(sequences[0], padded(shape)) for shape in shapes)
    call = partial(
        pl.pallas_call,
        partial(program, Launched(run, H)),
        grid=(rows // TILE,),
        in_specs=(*jax.tree.map(_whole, weights), *jax.tree.map(_tile, sequences)),
        out_specs=tuple(map(_tile, results)),
        out_shape=results,
    )
    compiled = {"cuda": call(compiler_params=_compiler_params(units))} if backend else {}
    interpreted = partial(_interpreted, call(interpret=True))
    operands = *weights, *sequences
    made = jax.lax.platform_dependent(*operands, cpu=interpreted, **compiled)
    return tuple(array[:, :B, ..., :H] for array in made)


def _interpreted(call: Callable[..., PyTree], *operands: PyTree) -> PyTree:
    """The call; inside `jax.shard_map` as one exported function.

    What the interpreter itself traces does not say over which axes of a mesh it varies.
    """
    axes = tuple(varying(operands[0]))
    if not axes:
        return call(*operands)
    types = jax.tree.map(lambda array: jax.ShapeDtypeStruct(array.shape, array.dtype), operands)
    exported = jax.export.export(jax.jit(call), platforms=("cpu",))(*types)
    made = exported.call(*operands)
    return jax.tree.map(lambda array: jax.lax.pcast(array, axes, to="varying"), made)


def _compiler_params(units: int):
    """Choose the Triton backend, with 16 hidden units a warp; no stages, as no load needs them."""
    return backend.CompilerParams(num_warps=units // 16, num_stages=1)


def _whole(array: Array) -> pl.BlockSpec:
    return pl.BlockSpec(array.shape, lambda tile: (0,) * array.ndim)


def _tile(array: Array | jax.ShapeDtypeStruct) -> pl.BlockSpec:
    first, _, *others = array.shape
    return pl.BlockSpec((first, TILE, *others), lambda tile: (0, tile, *[0] * len(others)))
