"""The gate's rounds on nodes: the same verdicts, whoever plays; what is no round is refused."""

import io
import tarfile
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest
from helpers.sample_runs import machine

from bench.cases.case import Case
from bench.cases.workloads import mission
from bench.fleet.dealing import Lost, Measured
from bench.fleet.nodes.node import Node
from bench.gate import looks, margins
from bench.gate.rounds import Obstacle, Times
from bench.gate.spread import node as on_node
from bench.gate.spread import trees
from bench.gate.spread.rounds import Spread, on_largest_kind
from bench.judging.verdicts import Verdict
from bench.records.store import ResultError, adapter
from bench.timing import host
from bench.workers.messages import Item

ITEMS = [
    Item(Case(mission(T), "model", "forward", "float32", "relu", "scan")) for T in (1, 50, 100)
]
ROOTS = dict.fromkeys(("base", "head"), Path(__file__).parents[3])


class Cluster:
    """Nodes whose head is slower by a factor an item; some of the first tasks are lost."""

    def __init__(self, factors, nodes, losing=0, sent=None):
        self.factors, self.nodes, self.losing, self.sent = factors, nodes, losing, sent
        self.played, self.items, self.results, self.seeds = [], (), {}, []

    def described(self):
        return self.nodes

    def doing(self, archives, items, seed):
        assert archives.keys() == {"base", "head"}
        self.seeds.append(seed)
        self.items = items
        return self

    def start(self, node, numbers, limit_s):
        ticket = object()
        self.results[ticket] = self.outcome(numbers)
        return ticket

    def outcome(self, numbers):
        if self.losing:
            self.losing -= 1
            return Lost("it broke", node_is_there=True)
        if self.sent is not None:
            return Measured(self.sent)
        self.played += [(int(number), self.items) for number in numbers]
        rounds = tuple(tuple(self.round(int(number))) for number in numbers)
        return Measured(adapter(on_node.Played).dump_json(rounds))

    def round(self, number):
        for item in self.items:
            factor = self.factors[item.case.workload.T]
            if factor is None:
                yield item, Obstacle("WRONG", "head: it is wrong")
            else:
                yield item, Times(1e-3, 1e-3 * factor * (1 + 0.001 * (number % 3)))

    def ended(self, tickets, patience_s):
        return {ticket: self.results.pop(ticket) for ticket in tickets}

    def cancel(self, ticket):
        pass

    def now(self):
        return 0.0


def node(name, **changed):
    return Node(name, machine(**changed), host.versions(), {})


def rows(cluster, budget_s=60.0):
    spread = on_largest_kind(cluster, "cpu", ["scan"])
    played = spread.rounds(ROOTS, budget_s, Random(1), lambda number, of: None)
    cases = tuple(item.case for item in ITEMS)
    *_, found = looks.rows_of(ITEMS, margins.parse([], cases), played)
    return {row.item.case.workload.T: row for row in found}


@pytest.mark.parametrize("losing", [0, 1, 2])
def test_verdicts_are_those_of_the_rounds_whatever_is_lost(losing):
    cluster = Cluster({1: 1.0, 50: 1.3, 100: 0.7}, [node("a"), node("b")], losing)
    found = rows(cluster)
    verdicts = {T: row.outcome for T, row in found.items()}
    assert verdicts == {1: Verdict.SAME, 50: Verdict.SLOWER, 100: Verdict.FASTER}
    assert sorted(number for number, _ in cluster.played) == list(range(1, looks.LOOKS[0] + 1))


def test_only_what_is_undecided_is_played_further():
    cluster = Cluster({1: 1.0, 50: 1.049, 100: None}, [node("a"), node("b"), node("c")])
    found = rows(cluster)
    assert (found[1].outcome, found[100].outcome) == (Verdict.SAME, "WRONG")
    assert found[50].outcome == Verdict.AMBIGUOUS
    later = {items for number, items in cluster.played if number > looks.LOOKS[0]}
    assert later == {(ITEMS[1],)}
    assert max(number for number, _ in cluster.played) == looks.LOOKS[-1]
    assert len(set(cluster.seeds)) == len(looks.LOOKS), "each look tosses coins of its own"


def test_past_the_budget_no_look_begins():
    cluster = Cluster({1: 1.0, 50: 1.0, 100: 1.0}, [node("a")])
    assert not rows(cluster, budget_s=0.0)[1].rounds and not cluster.played


@pytest.mark.parametrize("sent", [b"{}", b"[]", b"[[1]]", b"\xff"])
def test_what_is_no_round_is_refused(sent):
    with pytest.raises(ResultError, match=r"round \d+ lost 3 times"):
        rows(Cluster({}, [node("a")], sent=sent))


def test_the_largest_kind_plays():
    nodes = [node("a", cores=8), node("b"), node("c"), node("d", cores=8), node("e")]
    found = on_largest_kind(Cluster({}, nodes), "cpu", ["scan"])
    assert [each.name for each in found.nodes] == ["b", "c", "e"] and isinstance(found, Spread)
    with pytest.raises(ResultError, match="no node of the cluster has"):
        on_largest_kind(Cluster({}, nodes), "gpu", ["scan"])


def test_nodes_that_could_not_be_compared_do_not_play():
    lacking = replace(node("b"), unavailable={"native": "no C++ compiler found"})
    with pytest.raises(ResultError, match="install g"):
        on_largest_kind(Cluster({}, [lacking]), "cpu", ["native"])


def test_trees_arrive_as_they_are_and_only_the_newest_stay(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    archive = trees.packed(ROOTS["base"])
    assert archive == trees.packed(ROOTS["base"])
    folder = trees.unpacked({"base": archive, "head": archive})
    for side in ("base", "head"):
        for file in ("kernels/scan.py", "reference/rnn.py", "kernels/native/source/forward.h"):
            assert (folder / side / file).read_bytes() == (ROOTS["base"] / file).read_bytes()
    (folder / "caches").mkdir()
    assert trees.unpacked({"base": archive, "head": archive}) == folder
    assert (folder / "caches").exists(), "the same trees find what was compiled of them"
    other = io.BytesIO()
    tarfile.open(fileobj=other, mode="w").close()
    newer = trees.unpacked({"base": archive, "head": other.getvalue()})
    assert [each.name for each in newer.parent.iterdir()] == [newer.name]


NOISE = np.array([0.01, 0.03, 0.06])  # of three nodes


def on_nodes_that_differ(draw, slower):
    """The verdict on a head that is slower by this share, of rounds dealt to them in turn."""
    noise = NOISE[np.arange(looks.LOOKS[-1]) % len(NOISE)]
    base, head = (np.exp(draw.normal(0, noise)) for _ in range(2))
    rounds = [Times(*pair) for pair in zip(base, head * (1 + slower), strict=True)]
    rows = (looks.row(ITEMS[0], 0.05, rounds[:look]) for look in looks.LOOKS)
    return next((row for row in rows if row.outcome != Verdict.AMBIGUOUS), None)


def test_nodes_of_which_some_are_noisier_do_not_make_the_gate_wrong():
    draw = np.random.default_rng(1)
    equals = [on_nodes_that_differ(draw, 0.0) for _ in range(400)]
    assert {row.outcome for row in equals if row} == {Verdict.SAME}
    slower = [row for _ in range(400) if (row := on_nodes_that_differ(draw, 0.10))]
    assert {row.outcome for row in slower} == {Verdict.SLOWER} and len(slower) > 0.9 * 400
    holding = [row.interval.low <= np.log(1.1) <= row.interval.high for row in slower]
    assert np.mean(holding) >= 0.95
