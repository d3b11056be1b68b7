"""Everything that can be measured, our kernels and their peers, behind the same questions."""

from bench.cases import divided
from bench.cases.case import BASELINE, Case
from bench.cases.programs import problem_of, program
from bench.contenders import best_scan, limits, names, own
from bench.contenders.peers.peer import Peer
from bench.contenders.subject import Subject, compiled
from kernels.contract import Kernel, current_platform
from kernels.registry import KERNELS, Lazy, why_not

WHOLE: Lazy[Peer] = Lazy(names.PREPARED | names.PEERS)  # those that are no `Kernel`


def known(name: str) -> bool:
    """Whether there is a kernel or peer of this name."""
    return name in KERNELS or name in WHOLE


def has_threads(name: str) -> bool:
    """Whether it is a library whose own threads would disturb others in its process."""
    return name in WHOLE and WHOLE[name].has_threads


def unavailable(name: str) -> str | None:
    """Why this machine lacks it, or None."""
    return _one(name).unavailable(current_platform())


def unsupported(case: Case) -> str | None:
    """Why it cannot run this case where it is available, or None: it can, and is prepared."""
    return _not_divided(case) or _not_by_kernel(case) or limits.too_large(case)


def _not_divided(case: Case) -> str | None:
    if case.devices and case.kernel in WHOLE:
        return "runs on one device"
    return divided.uneven(case)


def _not_by_kernel(case: Case) -> str | None:
    if case.kernel in WHOLE:
        return WHOLE[case.kernel].unsupported(case)
    return why_not(case.kernel, problem_of(case))


def _one(name: str) -> Kernel | Peer:
    return WHOLE[name] if name in WHOLE else KERNELS[name]


def emulated(case: Case) -> str | None:
    """Why timing it would mean nothing, or None."""
    if reason := divided.shared(case):
        return reason
    return None if case.kernel in WHOLE else KERNELS[case.kernel].emulated(current_platform())


def prepare(case: Case) -> Subject:
    """The case made runnable."""
    return WHOLE[case.kernel].prepare(case) if case.kernel in WHOLE else compiled(program(case))


def prepare_best(case: Case, variant: str = "") -> Subject:
    """The same, but the baseline is its variant of this name, or else the fastest of them."""
    if case.kernel != BASELINE:
        return prepare(case)
    return best_scan.chosen(case, variant)


def versions(kernels: tuple[str, ...]) -> dict[str, str]:
    """Of the peers among them that this machine has, and of kernels that are not ours."""
    here = [name for name in kernels if name in WHOLE and unavailable(name) is None]
    of_peers = {package: v for name in here for package, v in WHOLE[name].versions().items()}
    return of_peers | own.versions(kernels)
