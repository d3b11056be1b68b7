"""What a fleet leaves behind beside the results of each kind of machine."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from bench.cases.fields import Count, FileName, Message, Quantity, Text, Timestamp
from bench.judging.verdicts import Interval, Verdict
from bench.records.facts import Source
from bench.records.machine import Machine
from bench.records.run import SCHEMA


@dataclass(frozen=True)
class Difference:
    """How much longer the second of two nodes takes for the same problems, as a logarithm."""

    nodes: tuple[Text, Text]
    interval: Interval
    verdict: Verdict


@dataclass(frozen=True)
class Failure:
    """A problem that was given up, and why."""

    problem: Text
    reason: Message


@dataclass(frozen=True)
class Part:
    """Nodes that are one machine as far as times tell, and the file of their results.

    differences: by which its nodes are in it, and in no other part of their kind. file: "" where
    nothing was measured.
    """

    machine: Machine
    nodes: Annotated[tuple[Text, ...], Field(min_length=1)]
    differences: tuple[Difference, ...]
    failures: tuple[Failure, ...]
    file: Text


@dataclass(frozen=True)
class Share:
    """What one node did: problems measured, and tasks that came to nothing."""

    node: Text
    problems: Count
    lost: Count


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """A suite over a cluster. `versions` are the same on every node."""

    schema: Literal[SCHEMA]
    suite: FileName
    command: Text
    words: tuple[Text, ...]  # of the command, that say what is measured
    started: Timestamp
    versions: dict[Text, Text]
    source: Source
    narrowed: tuple[Text, ...]
    seconds: Quantity = 0.0
    complete: bool = False
    parts: tuple[Part, ...] = ()
    shares: tuple[Share, ...] = ()
