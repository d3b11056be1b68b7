"""jax-triton, whichever release is installed, met in one place."""

import importlib
from typing import Any

import jax

TESTED = ("8.0", "9.0")  # compute capabilities for which the programs have been compiled


def triton_call(*operands: Any, out: jax.ShapeDtypeStruct, **options: Any) -> jax.Array:
    """`jax_triton.triton_call` with one output."""
    jax_triton = _import()
    renamed = hasattr(jax_triton, "TensorDescriptor")  # out_shape was renamed in the same release
    return jax_triton.triton_call(
        *operands, **{"out_type" if renamed else "out_shape": out}, num_stages=1, **options
    )


def unavailable(platform: str) -> str | None:
    """Needs jax-triton and an NVIDIA GPU of a generation that the programs were compiled for."""
    if platform != "gpu":
        return f"needs an NVIDIA GPU; this is {platform}"
    try:
        importlib.import_module("triton")  # jax-triton 0.3 only misses it when it is called
        _import()
    except Exception as error:  # whatever a half-installed package raises, the others must run
        return f"jax-triton cannot be imported: {error}"
    capability = getattr(jax.devices()[0], "compute_capability", TESTED[-1])
    if capability not in TESTED:
        return f"compiled for compute capability {' and '.join(TESTED)}; this GPU has {capability}"
    return None


def _import():
    """jax_triton, imported only when it is used: most machines have no use for it."""
    jax_triton = importlib.import_module("jax_triton")
    # jax-triton 0.4.1's rule for unused calls has the signature of jax < 0.12 and raises; without
    # it JAX's default rule applies, which is right for a call without side effects.
    partial_eval = importlib.import_module("jax._src.interpreters.partial_eval")
    primitive = importlib.import_module("jax_triton.triton_lib").triton_kernel_call_p
    partial_eval.dce_rules.pop(primitive, None)
    return jax_triton
