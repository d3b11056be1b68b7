"""What the two experiments keep."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from bench.cases.case import Case
from bench.cases.fields import Count, Seconds, Text
from bench.records.run import Origin

Share = Annotated[float, Field(ge=0)]


@dataclass(frozen=True)
class ColdStart:
    """A new process's first calls of a case.

    treatment: what was done, or left out, before them. faults: pages that the system had to map
    during each call.
    """

    case: Case
    treatment: Text
    calls_s: tuple[Seconds, ...]
    faults: tuple[Count, ...]


@dataclass(frozen=True, kw_only=True)
class ColdStarts(Origin):
    """Every case and treatment, several times."""

    starts: tuple[ColdStart, ...]


@dataclass(frozen=True)
class DisturbedVisit:
    """A visit to a group, alone or beside a process that takes a core every now and then.

    A list a case: seconds a call in each turn, and for how long its threads waited for a core, all
    together, as a share of the turn.
    """

    beside_another: bool
    cases: tuple[Case, ...]
    turns_s: tuple[tuple[Seconds, ...], ...]
    waited: tuple[tuple[Share, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Disturbed(Origin):
    """Every group's visits of both kinds."""

    visits: tuple[DisturbedVisit, ...]
