"""The handlers as JAX functions."""

import jax
from jaxtyping import Array

from kernels.native import compiler, library
from kernels.sharding import result_like

Shape = tuple[int, ...]


def call(
    handler: str, activation: str, output_shapes: list[Shape], *arrays: Array
) -> tuple[Array, ...]:
    """Run a handler on arrays of one dtype."""
    run = jax.ffi.ffi_call(
        library.handler_name(handler, arrays[0].dtype.name, compiler.target()),
        [result_like(arrays[0], shape) for shape in output_shapes],
    )
    return tuple(run(*arrays, relu=activation == "relu"))
