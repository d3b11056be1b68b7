"""Nodes share a table only if their times say that they may."""

from dataclasses import replace
from math import log

import pytest
from helpers import sample_runs

from bench.cases.workloads import mission
from bench.fleet.results import equality
from bench.judging.verdicts import Verdict

PROBES = (mission(50), mission(100))
NAMES = [sample_runs.timed(each, "scan", 1.0).case.problem for each in PROBES]


def node(factor=1.0, drift=0.0, kernel="scan"):
    """What a node that is slower by a factor found; in some visits it was slower still."""
    results = [sample_runs.timed(each, kernel, 4.0 * factor) for each in PROBES]
    for number, result in enumerate(results):
        visits = [
            replace(
                visit, samples_s=tuple((s[0] * (1 + drift * (i % 2)),) for s in visit.samples_s)
            )
            for i, visit in enumerate(result.visits)
        ]
        results[number] = replace(result, visits=tuple(visits))
    return {result.case: result for result in results}


def compared(nodes, probes=NAMES):
    """All comparisons."""
    return [each for found in equality.parts(nodes, probes).values() for each in found]


@pytest.mark.parametrize(
    ("factor", "verdict"), [(1.0, Verdict.SAME), (1.5, Verdict.SLOWER), (1 / 1.5, Verdict.FASTER)]
)
def test_a_difference_is_that_of_the_probes(factor, verdict):
    (found,) = compared({"a": node(), "b": node(factor)})
    assert found.nodes == ("a", "b") and found.verdict == verdict
    assert found.interval.estimate == pytest.approx(log(factor), abs=0.03)


def test_what_is_no_probe_does_not_count():
    slow_elsewhere = node() | {
        case: replace(result, visits=sample_runs.timed(case.workload, "scan", 99.0).visits)
        for case, result in node().items()
        if case.problem == NAMES[1]
    }
    (found,) = compared({"a": node(), "b": slow_elsewhere}, NAMES[:1])
    assert found.verdict == Verdict.SAME


def test_noise_and_nothing_in_common_are_no_proof():
    for other in (node(drift=0.8), {}):
        found = equality.parts({"a": node(), "b": other}, NAMES)
        assert [*found] == [("a",), ("b",)]
        assert [each.verdict for each in found["b",]] == [Verdict.AMBIGUOUS]


def test_more_nodes_make_wider_intervals():
    (alone,) = compared(dict.fromkeys("ab", node(kernel="native")))
    first, *_ = compared(dict.fromkeys("abcdefghijkl", node(kernel="native")))
    width = [each.interval.high - each.interval.low for each in (alone, first)]
    assert width[1] > width[0]


def test_a_table_takes_only_nodes_that_are_like_all_its_others():
    nodes = {"a": node(), "b": node(), "slow": node(1.5), "c": node(), "slow too": node(1.5)}
    found = equality.parts(nodes, NAMES)
    assert [*found] == [("a", "b", "c"), ("slow", "slow too")]
    pairs = {together: [each.nodes for each in found[together]] for together in found}
    assert pairs["a", "b", "c"] == [("a", "b"), ("a", "c")]
    assert pairs["slow", "slow too"] == [("a", "slow"), ("a", "slow too"), ("slow", "slow too")]
    assert equality.parts({"alone": node()}, NAMES) == {("alone",): ()}


def test_forty_equal_nodes_are_one_machine():
    nodes = {f"{number:02}": node() for number in range(40)}
    ((together, found),) = equality.parts(nodes, NAMES).items()
    assert together == tuple(nodes) and len(found) == 39


@pytest.mark.parametrize(
    ("count", "chosen"), [(1, ("0",)), (2, ("0", "1")), (3, ("0", "1", "2")), (9, ("0", "4", "8"))]
)
def test_probes_are_spread_over_the_suite(count, chosen):
    assert equality.probes([str(i) for i in range(count)]) == chosen
