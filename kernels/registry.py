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

# What "auto" tries, fastest first: the order that the published results support.
PREFERENCE = ("scan",)


def obstacle(name: str, problem: Problem) -> str | None:
    """Why the kernel of this name cannot run the problem, or None: it can."""
    kernel = KERNELS[name]
    return kernel.unavailable(problem.platform) or kernel.unsupported(problem)


def choose(name: str, problem: Problem) -> Kernel:
    """The kernel asked for, or for "auto" the first preference that can run the problem.

    Raises ValueError for an unknown name, or a problem that the kernel cannot run.
    """
    if name == "auto":
        name = next((n for n in PREFERENCE if obstacle(n, problem) is None), PREFERENCE[-1])
    if not isinstance(name, str) or name not in KERNELS:
        known = ", ".join(map(repr, KERNELS))
        raise ValueError(f"kernel is {name!r}; expected 'auto' or one of {known}")
    if reason := obstacle(name, problem):
        raise ValueError(f"kernel {name!r} cannot run this problem: {reason}")
    return KERNELS[name]
