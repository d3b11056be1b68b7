"""Rounds dealt to the nodes of one kind of machine, as its problems are in a fleet."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from time import monotonic
from typing import Protocol, runtime_checkable

from pydantic import ValidationError

from bench.fleet import opening
from bench.fleet.dealing import Deck, Engine, Task, deal
from bench.fleet.nodes.node import Node
from bench.gate.looks import Announce, Rounds
from bench.gate.rounds import Found
from bench.gate.spread import trees
from bench.gate.spread.node import Played
from bench.records.store import ResultError, adapter
from bench.workers.messages import Item

ROUND_S, ITEM_S = 30.0, 5.0  # that a round takes on a slow machine, and each item of it


@runtime_checkable
class Cluster(Engine, Protocol):
    """An engine whose task takes what to compare."""

    def described(self) -> list[Node]:
        """Every node on each of its backends."""

    def doing(self, *arguments: object) -> Engine:
        """The same nodes, with these arguments for the task: trees, items, and a seed."""


@dataclass(frozen=True)
class Spread:
    """The nodes of one kind of machine that play."""

    cluster: Cluster
    nodes: tuple[Node, ...]

    def rounds(
        self, roots: Mapping[str, Path], budget_s: float, random: Random, announce: Announce
    ) -> Rounds:
        """Of the trees in the folders base and head; a look begins only within the budget."""
        archives = {name: trees.packed(root) for name, root in roots.items()}
        begin = monotonic()

        def rounds(active: Sequence[Item], played: int, look: int) -> Iterator[Found]:
            """Those of one look, of the items that are active when it begins."""
            items = tuple(active)
            if items and monotonic() - begin < budget_s:
                numbers = map(str, range(played + 1, look + 1))
                deck = Deck.of(
                    [node.place for node in self.nodes],
                    dict.fromkeys(numbers, ROUND_S + ITEM_S * len(items)),
                )
                engine = self.cluster.doing(archives, items, random.getrandbits(32))
                yield from _dealt(engine, deck, announce)

        return rounds


def on_largest_kind(cluster: Cluster, backend: str, kernels: Sequence[str]) -> Spread:
    """The kind of machine of which the cluster has most nodes.

    Raises ResultError for none, or nodes whose times could not stand side by side.
    """
    kinds: dict[str, list[Node]] = {}
    for node in cluster.described():
        if node.machine.backend == backend:
            kinds.setdefault(node.machine.folder, []).append(node)
    if not kinds:
        raise ResultError(f"--backend is {backend}, which no node of the cluster has")
    nodes = max(kinds.values(), key=len)
    opening.check(nodes, kernels)
    return Spread(cluster, tuple(nodes))


def _dealt(engine: Engine, deck: Deck, announce: Announce) -> Iterator[Found]:
    """What each round found, as it comes. Raises ResultError for one that was lost too often."""
    come: list[Found] = []
    last = max(map(int, deck.groups))

    def keep(task: Task, text: bytes) -> tuple[str, ...]:
        come.extend(_checked(task, text))
        return task.groups

    for task, reason in deal(engine, [deck], keep):
        for number in () if reason else task.groups:
            announce(int(number), last)
        yield from come
        come.clear()
    for number, reason in deck.failures.items():
        raise ResultError(f"round {number} {reason}")


def _checked(task: Task, text: bytes) -> list[Found]:
    try:
        rounds = adapter(Played).validate_json(text)
    except ValidationError as error:
        raise ResultError(f"what {task.node} sent is no round") from error
    if len(rounds) != len(task.groups):
        raise ResultError(f"{task.node} sent {len(rounds)} rounds of {len(task.groups)}")
    return [dict(each) for each in rounds]
