"""Deal to more and more simulated nodes, and see what dealing itself takes."""

import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass
from time import process_time
from typing import Annotated

from pydantic import Field

from bench.cases.fields import Count, Quantity
from bench.fleet.dealing import Deck, deal
from bench.records.run import Origin
from bench.studies.dealing.simulated import GROUP_S, Simulated

NODES = (5, 10, 20, 50, 100, 200, 500)
GROUPS_A_NODE = 20
LOSING = 0.02


@dataclass(frozen=True)
class Dealt:
    """One fleet: its size, and what became of it.

    simulated_s: from the first task to the last; `busy` is the share of it that nodes spent on
    tasks. dealing_s: real seconds. peak_bytes: of memory that dealing took.
    """

    nodes: Count
    groups: Count
    measured: Count
    twice: Count
    failed: Count
    lost_tasks: Count
    nodes_left: Count
    simulated_s: Quantity
    busy: Annotated[float, Field(ge=0, le=1)]
    dealing_s: Quantity
    peak_bytes: Count


@dataclass(frozen=True, kw_only=True)
class Growth(Origin):
    """Fleets of all sizes, each with as many problems a node."""

    losing: Quantity  # share of tasks
    fleets: tuple[Dealt, ...]


def measure() -> Iterator[Dealt]:
    """Every size."""
    return (dealt(nodes, GROUPS_A_NODE * nodes, LOSING) for nodes in NODES)


def dealt(nodes: int, groups: int, losing: float) -> Dealt:
    """One fleet, from first to last."""
    engine = Simulated(losing)
    names = [f"node-{number}" for number in range(nodes)]
    deck = Deck.of(names, {f"group-{number}": GROUP_S for number in range(groups)})
    tracemalloc.start()
    begin = process_time()
    for _ in deal(engine, [deck], engine.keep):
        pass
    dealing_s, (_, peak) = process_time() - begin, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return Dealt(
        nodes=nodes,
        groups=groups,
        measured=len(engine.measured),
        twice=sum(times > 1 for times in engine.measured.values()),
        failed=len(deck.failures),
        lost_tasks=engine.lost,
        nodes_left=len(deck.nodes),
        simulated_s=engine.clock_s,
        busy=engine.busy_s / (nodes * engine.clock_s),
        dealing_s=dealing_s,
        peak_bytes=peak,
    )
