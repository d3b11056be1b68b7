"""Everything that can be measured, our kernels and their peers, behind the same questions."""

import jax

from bench import limits, variants
from bench.formats import FORMATS
from bench.peers import PEERS
from bench.plan import BASELINE, Case
from bench.programs import program
from bench.subject import Subject, compiled
from kernels.contract import Problem, current_platform
from kernels.registry import KERNELS, obstacle

NAMES = (*KERNELS, *PEERS)
# Measured unless told: not the variants of the baseline, the best of which is its row.
DEFAULT = tuple(name for name in NAMES if name != "unrolled")


def unavailable(name: str) -> str | None:
    """Why this machine lacks it, or None."""
    return (KERNELS | PEERS)[name].unavailable(current_platform())


def unsupported(case: Case) -> str | None:
    """Why it cannot run this case where it is available, or None: it can, and is prepared."""
    if case.kernel in PEERS:
        reason = PEERS[case.kernel].unsupported(case)
    else:
        reason = obstacle(case.kernel, problem_of(case))
    return reason or limits.too_large(case)


def emulated(case: Case) -> str | None:
    """Why timing it would mean nothing, or None."""
    if case.kernel in PEERS:
        return None
    return KERNELS[case.kernel].emulated(current_platform())


def prepare(case: Case) -> Subject:
    """The case made runnable."""
    return PEERS[case.kernel].prepare(case) if case.kernel in PEERS else compiled(program(case))


def prepare_best(case: Case) -> Subject:
    """The same, but the baseline is the fastest of its variants."""
    return variants.fastest(case) if case.kernel == BASELINE else prepare(case)


def versions(names: tuple[str, ...]) -> dict[str, str]:
    """Those of the peers among the names, as far as this machine has them."""
    here = [name for name in names if name in PEERS and unavailable(name) is None]
    return {package: found for name in here for package, found in PEERS[name].versions().items()}


def problem_of(case: Case) -> Problem:
    """The case as a kernel's predicates see it."""
    w = case.workload
    kind = FORMATS[case.dtype]
    dtype = jax.numpy.dtype(kind.storage)
    return Problem(w.T, w.B, w.H, dtype, case.activation, kind.precision, current_platform())
