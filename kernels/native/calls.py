"""The handlers as JAX functions."""

import jax
from jaxtyping import Array

from kernels.native import compiler, library

Shape = tuple[int, ...]


def call(handler: str, activation: str, wanted: list[Shape], *arrays: Array) -> list[Array]:
    """Run a handler on arrays of one dtype; a mapped axis is a loop over calls."""
    dtype = arrays[0].dtype
    made = jax.ffi.ffi_call(
        library.handler_name(handler, dtype.name, compiler.target()),
        [jax.ShapeDtypeStruct(shape, dtype) for shape in wanted],
        vmap_method="sequential",
    )
    return made(*arrays, relu=activation == "relu")
