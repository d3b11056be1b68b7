"""`native`: C++ through XLA's FFI, for CPUs. The recurrence, and the whole layer in one call."""

from kernels.contract import Kernel, Packing, Problem, Whole
from kernels.native import calls, compiler, handlers, packing
from kernels.native.handlers import custom_calls as custom_calls


def unavailable(platform: str) -> str | None:
    """Needs a CPU and, the first time, a C++ compiler."""
    if platform != "cpu":
        return f"runs on CPU only; this is {platform}"
    return handlers.missing(compiler.target())


def prepare(problem: Problem) -> str | None:
    """Builds the library of its cell and dtype, the first time."""
    return handlers.load(compiler.target(), problem.cell, problem.dtype.name)


def unsupported(problem: Problem) -> str | None:
    """Takes every dtype. Those of 16 bits are computed in float32, or by AVX512-BF16."""
    if problem.precision != "full":
        return f"precision {problem.precision!r} needs an NVIDIA GPU"
    return None


KERNEL = Kernel(
    calls.forward,
    calls.backward,
    whole=Whole(
        calls.layer_forward,
        calls.layer_backward,
        packing=Packing(packing.pack, packing.forward),
    ),
    unavailable=unavailable,
    unsupported=unsupported,
    prepare=prepare,
    handles=frozenset({"lengths", "reverse"}),
)
