"""How much of a visit each group has: more where its visits disagree, less where they agree.

For a given time in all, the sum of the squared errors is least if each has a share in proportion to
its standard deviation (Neyman, "On the two different aspects of the representative method", 1934).
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, stdev

from bench.cases.case import BASELINE, Case
from bench.judging import precision
from bench.judging.precision import BLOCKS
from bench.records.run import CaseResult, Run

GROUP_S = 0.8  # after which a group's visit ends with the block; its first block is not counted
FEWEST = 3  # visits, to know how far they lie apart
LEAST, MOST = 0.5, 2.0  # shares: three visits may agree, or not, by chance


@dataclass(frozen=True)
class Effort:
    """Turns of each case of a group in a visit, and the seconds after which there are fewer."""

    blocks: int = BLOCKS
    seconds: float = GROUP_S


def efforts(run: Run) -> Mapping[Case, Effort]:
    """Of the next visit, by group."""
    found: defaultdict[Case, Effort] = defaultdict(Effort)
    spreads = _spreads(run) if run.visits >= FEWEST else {}
    usual = mean(spreads.values()) if spreads else 0.0
    if usual > 0:
        found |= {group: _effort(spread / usual) for group, spread in spreads.items()}
    return found


def _effort(share: float) -> Effort:
    share = min(max(share, LEAST), MOST)
    return Effort(round(BLOCKS * share), GROUP_S * share)


def _spreads(run: Run) -> dict[Case, float]:
    """The standard deviation over visits of what is known worst in each group."""
    groups: dict[Case, list[CaseResult]] = {}
    for result in run.cases:
        if len(result.visits) >= FEWEST:
            groups.setdefault(result.case.group, []).append(result)
    return {group: _spread(results) for group, results in groups.items()}


def _spread(group: Sequence[CaseResult]) -> float:
    return max(map(stdev, precision.levels(group, BASELINE)))
