"""The order in which cases are sampled."""

from collections.abc import Callable, Iterator, Sequence

from bench.cases.case import Case
from bench.judging.precision import BLOCKS
from bench.records.run import CaseResult

Announce = Callable[[Case, CaseResult | None], None]


def turns(cases: Sequence[Case]) -> Iterator[tuple[Case, int]]:
    """(case, block): within a group kernels take turns, each block in the opposite order.

    A machine's speed drifts over seconds. Kernels that alternate see the same drift, so the ratio
    of two of them is steadier than either time.
    """
    groups: dict[Case, list[Case]] = {}
    for case in cases:
        groups.setdefault(case.group, []).append(case)
    for group in groups.values():
        for block in range(BLOCKS):
            yield from ((case, block) for case in (group if block % 2 == 0 else group[::-1]))
