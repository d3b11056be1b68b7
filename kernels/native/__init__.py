"""`native`: C++ through XLA's FFI, for CPUs. The recurrence, and the whole layer in one call."""

from kernels.contract import Kernel, Layer, Problem
from kernels.native import calls, compiler, library
from kernels.native.library import custom_calls as custom_calls


def unavailable(platform: str) -> str | None:
    """Needs a CPU and, the first time, a C++ compiler."""
    if platform != "cpu":
        return f"runs on CPU only; this is {platform}"
    return library.missing(compiler.target())


def prepare() -> str | None:
    """Builds the library, the first time."""
    return library.load(compiler.target())


def unsupported(problem: Problem) -> str | None:
    """Computes in float32 or float64 exactly as stored; bfloat16 it only stores."""
    if problem.dtype.name not in library.STORED:
        return f"dtype {problem.dtype} is none of {', '.join(library.STORED)}"
    if problem.precision != "full":
        return f"precision {problem.precision!r} needs an NVIDIA GPU"
    return None


KERNEL = Kernel(
    calls.forward,
    calls.backward,
    layer=Layer(calls.layer_forward, calls.layer_backward),
    unavailable=unavailable,
    unsupported=unsupported,
    prepare=prepare,
)
