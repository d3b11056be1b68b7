"""What the gate compares, and what its two commands share."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from bench.cases.case import Case
from bench.gate.looks import Row
from bench.gate.margins import Margins
from bench.gate.tree import Tree

SEED = 20


@dataclass(frozen=True)
class Request:
    """What to compare, with which revision, and how strictly."""

    suite: str
    cases: tuple[Case, ...]
    platform: str
    base: str
    margins: Margins
    tree: Tree
    budget_s: int | float
    strict: bool
    bisect: bool
    publish: bool
    command: str
    narrowed: tuple[str, ...]  # options by which it is less than the whole suite


def counts(rows: Sequence[Row]) -> str:
    """Such as "3 SAME, 1 SLOWER"."""
    return ", ".join(f"{n} {word}" for word, n in Counter(row.outcome for row in rows).items())
