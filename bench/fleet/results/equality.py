"""Which nodes are one machine: those of one identity that a few problems show to be as fast."""

from collections.abc import Mapping, Sequence
from statistics import mean

from bench.cases.case import Case
from bench.fleet.results.record import Difference
from bench.judging import precision
from bench.judging.verdicts import UNPAIRED_ERROR, Verdict, unpaired, verdict
from bench.records.run import CaseResult

PROBES = 3  # problems that every node of a kind measures
MARGIN = 0.10  # by which nodes of one kind may differ
LEAST_ERROR = 0.001  # of one comparison: eight visits of each node support no less than 0.00016

Results = Mapping[Case, CaseResult]


def probes(groups: Sequence[str]) -> tuple[str, ...]:
    """Some problems of a suite, from its beginning, middle and end."""
    last = len(groups) - 1
    return tuple(dict.fromkeys(groups[last * i // max(PROBES - 1, 1)] for i in range(PROBES)))


def parts(
    nodes: Mapping[str, Results], probes: Sequence[str]
) -> dict[tuple[str, ...], tuple[Difference, ...]]:
    """Nodes that go into one table, and the comparisons by which they do, or do not.

    Each node is compared with the first of every part so far, and joins the one that it is measured
    to be as fast as. All comparisons together miss with UNPAIRED_ERROR, up to fifty nodes.
    """
    error = max(UNPAIRED_ERROR / max(len(nodes) - 1, 1), LEAST_ERROR)
    found: list[tuple[list[str], list[Difference]]] = []
    for name, results in nodes.items():
        compared: list[Difference] = []
        for together, differences in found:
            pair = (together[0], name)
            compared.append(_difference(pair, nodes[pair[0]], results, probes, error))
            if compared[-1].verdict == Verdict.SAME:
                together.append(name)
                differences += compared
                break
        else:
            found.append(([name], compared))
    return {tuple(together): tuple(differences) for together, differences in found}


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
