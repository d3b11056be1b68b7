"""`unrolled`: the scan with several steps to each trip of its loop, or with no loop at all.

XLA may then fuse across steps and pays the loop's overhead less often; compile time is its price.
"""

from kernels import scan
from kernels.contract import Backward, Forward, Kernel, Problem
from reference import CELLS

LONGEST_FULL = 128  # steps of one slot; XLA's compile time grows faster than the program


def kernel(factor: int | None) -> Kernel:
    """Unroll by `factor` steps, or completely (None)."""
    if factor is None:
        halves, limit = map(_completely, (scan.forward, scan.backward)), _too_long
    else:
        halves, limit = scan.unrolled_by(factor), scan.unsupported
    return Kernel(*halves, unsupported=limit, handles=scan.HANDLES)


def _completely(half: Forward | Backward) -> Forward | Backward:
    def all_steps(run, sequence, *rest, **options):
        return half(run, sequence, *rest, unroll=len(sequence), **options)

    return all_steps


def _too_long(problem: Problem) -> str | None:
    longest = LONGEST_FULL // len(CELLS[problem.cell].slots)
    if longest < problem.T:
        return (
            f"T {problem.T}: a fully unrolled loop is compiled up to T {longest} only, "
            f"for cell {problem.cell!r}"
        )
    return scan.unsupported(problem)


KERNEL, FULL = kernel(factor=8), kernel(factor=None)
