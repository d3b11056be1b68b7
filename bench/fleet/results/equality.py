"""Which nodes are one machine: those of one identity that a few problems show to be as fast."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from statistics import mean

from bench.cases.case import Case
from bench.fleet.results.record import Difference
from bench.judging import precision
from bench.judging.verdicts import UNPAIRED_ERROR, Verdict, unpaired, verdict
from bench.records.run import CaseResult

PROBES = 3  # problems that every node of a kind measures
MARGIN = 0.10  # by which nodes of one kind may differ

Results = Mapping[Case, CaseResult]


def probes(groups: Sequence[str]) -> tuple[str, ...]:
    """Some problems of a suite, from its beginning, middle and end."""
    last = len(groups) - 1
    return tuple(dict.fromkeys(groups[last * i // max(PROBES - 1, 1)] for i in range(PROBES)))


def differences(nodes: Mapping[str, Results], probes: Sequence[str]) -> tuple[Difference, ...]:
    """Of every two nodes; the error that an interval misses is for all of them together."""
    pairs = list(combinations(nodes, 2))
    return tuple(
        _difference(pair, nodes[pair[0]], nodes[pair[1]], probes, UNPAIRED_ERROR / len(pairs))
        for pair in pairs
    )


def _difference(
    names: tuple[str, str], one: Results, other: Results, probes: Sequence[str], error: float
) -> Difference:
    """What a visit has seen of all probes counts as one."""
    common = [
        case
        for case, result in one.items()
        if case.problem in probes and result.visits and case in other and other[case].visits
    ]
    sides = ([precision.log_times(results[case]) for case in common] for results in (one, other))
    levels = (list(map(mean, zip(*side, strict=False))) for side in sides)
    interval = unpaired(*levels, error)
    return Difference(names, interval, verdict(interval, MARGIN))


def parts(names: Sequence[str], found: Sequence[Difference]) -> list[tuple[str, ...]]:
    """Nodes that go into one table: each is measured to be as fast as all others of it."""
    same = {each.nodes for each in found if each.verdict == Verdict.SAME}
    together: list[tuple[str, ...]] = []
    for name in names:
        fitting = (part for part in together if all((each, name) in same for each in part))
        if part := next(fitting, None):
            together[together.index(part)] = (*part, name)
        else:
            together.append((name,))
    return together
