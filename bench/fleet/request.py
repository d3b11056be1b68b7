"""What a fleet measures, and on what."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from bench.cases.case import Case
from bench.fleet.dealing import Engine
from bench.fleet.nodes.node import Node


@dataclass(frozen=True, kw_only=True)
class Request:
    """What to measure, on which backend (None: every one that a node has), and where to file it.

    words: of `bench run`, which say it to a node. groups: the problems of each backend, in order,
    with the seconds that each should take.
    """

    suite: str
    groups: dict[str, dict[Case, float]]
    kernels: tuple[str, ...]
    words: tuple[str, ...]
    backend: str | None
    command: str
    narrowed: tuple[str, ...]
    publish: bool
    out: Path | None
    resume: bool
    patience_s: float = 0.0  # for a case to be compiled


@runtime_checkable
class Cluster(Engine, Protocol):
    """An engine that says what nodes it has."""

    def described(self) -> list[Node]:
        """Every node on each of its backends."""
