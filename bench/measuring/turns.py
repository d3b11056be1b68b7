"""The order in which cases are sampled."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from bench.cases.case import Case
from bench.measuring.effort import Effort
from bench.records.run import CaseResult

Announce = Callable[[Case, CaseResult | None], None]


def turns(cases: Sequence[Case], efforts: Mapping[Case, Effort]) -> Iterator[tuple[Case, int]]:
    """(case, block): within a group kernels take turns, each block in the opposite order.

    A machine's speed drifts over seconds. Kernels that alternate see the same drift, so the ratio
    of two of them is steadier than either time.
    """
    groups: dict[Case, list[Case]] = {}
    for case in cases:
        groups.setdefault(case.group, []).append(case)
    for problem, group in groups.items():
        for block in range(efforts[problem].blocks):
            yield from ((case, block) for case in (group if block % 2 == 0 else group[::-1]))
