"""Every kernel by name. To add one: write its file and a line here."""

from kernels import mosaic, native, pallas, scan, triton, unrolled
from kernels.contract import Kernel, Problem

KERNELS: dict[str, Kernel] = {
    "scan": scan.KERNEL,
    "scan-autodiff": scan.AUTODIFF,
    "unrolled": unrolled.kernel(factor=8),
    "unrolled-full": unrolled.kernel(factor=None),
    "native": native.KERNEL,
    "pallas": pallas.KERNEL,
    "mosaic": mosaic.KERNEL,
    "triton": triton.KERNEL,
}

# "auto" on a CPU: with fewer multiplications in the recurrence a call costs more than it saves.
WORTH_A_CALL = 2**15
COMPUTED_NATIVELY = ("float32", "float64")  # bfloat16 the native kernel only stores


def obstacle(name: str, problem: Problem) -> str | None:
    """Why the kernel of this name cannot run the problem, or None: it can, and is prepared."""
    return _obstacle(KERNELS[name], problem)


def fastest(problem: Problem) -> str:
    """What "auto" means for a problem, by the published results: `native` or `scan`."""
    multiplications = problem.T * problem.B * problem.H**2
    pays = problem.dtype.name in COMPUTED_NATIVELY and multiplications >= WORTH_A_CALL
    return "native" if pays and obstacle("native", problem) is None else "scan"


def choose(kernel: str | Kernel, problem: Problem) -> Kernel:
    """The kernel asked for, or for "auto" the fastest that can run the problem.

    A kernel that is no name is itself, registered or not.

    Raises ValueError for an unknown name, or a problem that the kernel cannot run.
    """
    if isinstance(kernel, Kernel):
        return _able(kernel, "this kernel", problem)
    if kernel == "auto":
        kernel = fastest(problem)
    if not isinstance(kernel, str) or kernel not in KERNELS:
        known = ", ".join(map(repr, KERNELS))
        raise ValueError(f"kernel is {kernel!r}; expected 'auto' or one of {known}")
    return _able(KERNELS[kernel], f"kernel {kernel!r}", problem)


def _able(kernel: Kernel, label: str, problem: Problem) -> Kernel:
    """The kernel, once it is known to run the problem."""
    if reason := _obstacle(kernel, problem):
        raise ValueError(f"{label} cannot run this problem: {reason}")
    return kernel


def _obstacle(kernel: Kernel, problem: Problem) -> str | None:
    return kernel.unavailable(problem.platform) or kernel.unsupported(problem) or kernel.prepare()
