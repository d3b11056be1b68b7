"""The `triton` kernel's programs, compiled for Hopper by Triton alone."""

import os
import tempfile
from functools import partial
from pathlib import Path
from unittest import mock

from bench.studies.static import cubin
from kernels.triton.config import Config, choose, constants

TYPES = {"bfloat16": "*bf16", "float16": "*fp16", "float32": "*fp32"}


def compile_half(
    half: str,
    dtype: str,
    H: int,
    cell: str,
    config: Config | None = None,
    capability: int = 90,
) -> cubin.Usage:
    """Compile "forward" or "backward" to machine code; B and T are not compiled in."""
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from kernels.triton import programs

    config = config or choose(H)
    program = getattr(programs, half)
    source = ASTSource(program, **_signature(program, dtype, constants(H, config, cell)))
    options = {"num_warps": config.warps, "num_stages": 1}
    # Importing jax-triton empties TRITON_CACHE_DIR, and Triton would fill the working folder.
    with tempfile.TemporaryDirectory() as cache, _environment(TRITON_CACHE_DIR=cache):
        compiled = triton.compile(source, target=GPUTarget("cuda", capability, 32), options=options)
        file = Path(cache, "program.cubin")
        file.write_bytes(compiled.asm["cubin"])
        (usage,) = cubin.read([file])
    return usage.with_shared(compiled.metadata.shared)


_environment = partial(mock.patch.dict, os.environ)


def _signature(program, dtype: str, fixed: dict) -> dict:
    """What the program is called with, as jax-triton would pass it: aligned arrays, int32 sizes."""
    names = program.arg_names
    kinds = {name: "i32" if name in "TB" else TYPES[dtype] for name in names}
    kinds |= dict.fromkeys(fixed, "constexpr")
    arrays = [i for i, name in enumerate(names) if kinds[name] == TYPES[dtype]]
    return {
        "signature": kinds,
        "constexprs": {(names.index(name),): value for name, value in fixed.items()},
        "attrs": {(i,): [["tt.divisibility", 16]] for i in arrays},
    }
