"""Every kernel by name, and which of them runs."""

from collections import UserDict
from pkgutil import resolve_name

from kernels import names
from kernels.contract import Kernel, Problem


class Lazy[Value](UserDict[str, Value]):
    """Objects by name. A text stands for the object at that place, imported when it is read."""

    def __getitem__(self, name: str) -> Value:
        """The object. Raises KeyError for an unknown name."""
        value = self.data[name]
        return resolve_name(value) if isinstance(value, str) else value


# Pallas and Triton take a second to import, for which not every program has a use.
KERNELS: Lazy[Kernel] = Lazy(names.KERNELS)

# "auto" on a CPU: with fewer multiplications in the recurrence a call costs more than it saves.
MIN_MULTIPLICATIONS = 2**15
MIN_ROWS = 8  # T B in 16 bits: every call packs the weights, which takes too long for fewer


def why_not(name: str, problem: Problem) -> str | None:
    """Why the kernel of this name cannot run the problem, or None: it can, and is prepared."""
    return _why_not(KERNELS[name], problem)


def preferred(problem: Problem) -> tuple[str, ...]:
    """What "auto" tries for a problem, as measured; the last one runs everywhere.

    It depends on the problem alone, so that a report can tell for another machine.
    """
    rows = problem.T * problem.B
    pays = rows * problem.H**2 >= MIN_MULTIPLICATIONS
    pays &= problem.dtype.itemsize > 2 or rows >= MIN_ROWS
    return ("native", "scan") if pays else ("scan",)


def fastest(problem: Problem) -> str:
    """What "auto" means for a problem here: the first of those preferred that can run it."""
    *first, last = preferred(problem)
    return next((name for name in first if why_not(name, problem) is None), last)


def fastest_packed(problem: Problem) -> str:
    """What "auto" means for weights that are laid out once, for sequences of any size."""
    return "native" if why_not("native", problem) is None else "scan"


def choose(kernel: str | Kernel, problem: Problem) -> Kernel:
    """The kernel of this name, or for "auto" the fastest that can run the problem.

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
    if reason := _why_not(kernel, problem):
        raise ValueError(f"{label} cannot run this problem: {reason}")
    return kernel


def _why_not(kernel: Kernel, problem: Problem) -> str | None:
    return (
        kernel.unavailable(problem.platform)
        or kernel.unsupported(problem)
        or kernel.prepare(problem)
    )
