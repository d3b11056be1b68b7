"""One run in a result file: who ran what where, and what became of every case."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, with_config

from bench.cases.case import Case
from bench.cases.fields import Count, FileName, Message, Quantity, Seconds, Text, Timestamp
from bench.records.facts import Ceilings, Conditions, DeviceTime, Settings, Source
from bench.records.machine import Machine

SCHEMA = 4
COMPILERS = ("jax", "jaxlib")
UNKNOWN = "unknown commit"  # as a version
SUITE = "recurrent-kernels"  # among the versions, where `source` is of a user's own kernels
FEWEST_VISITS = 8  # of a run that speaks for its suite: fewer support no interval of 99 %

Error = Annotated[float, Field(ge=0)]  # infinite where an output was not finite


@dataclass(frozen=True)
class Visit:
    """What one process measured of a case.

    samples_s: seconds a call, a list for every turn. warm_calls: before the first of them, until
    the call was steady.
    """

    samples_s: Annotated[
        tuple[Annotated[tuple[Seconds, ...], Field(min_length=1)], ...], Field(min_length=1)
    ]
    warm_calls: Count
    conditions: Conditions


@with_config(ConfigDict(ser_json_inf_nan="strings"))
@dataclass(frozen=True)
class CaseResult:
    """What became of one case.

    status: "ok" timed; "wrong" outside its tolerance, so not timed; "emulated" correct, but its
    speed would mean nothing; "unsupported" does not run here; "failed" raised or died. Only "ok"
    has visits, measured by the timer named.
    """

    case: Case
    status: Literal["ok", "wrong", "emulated", "unsupported", "failed"]
    reason: Message = ""
    error: Error | None = None
    error_after: Error | None = None
    tolerance: Quantity | None = None
    lower_s: Quantity | None = None
    compile_s: Quantity | None = None
    temporary_bytes: Count | None = None
    timer: Text = "wall clock of one blocking call, time.perf_counter"
    visits: tuple[Visit, ...] = ()
    device: DeviceTime | None = None  # of one more call, on a GPU
    variant: Text = ""  # which of the ways to write it, where this is the best of several

    @property
    def samples_s(self) -> tuple[float, ...]:
        """All of them, in the order in which they were measured."""
        return tuple(s for visit in self.visits for turn in visit.samples_s for s in turn)


@dataclass(frozen=True, kw_only=True)
class Origin:
    """What every result says of where it came from."""

    schema: int
    suite: FileName
    command: Text
    started: Timestamp  # ISO 8601, UTC
    machine: Machine
    versions: dict[Text, Text]
    source: Source
    # Options by which less was measured than is by default; files older than this field are whole.
    narrowed: tuple[Text, ...] = ()
    settings: Settings = field(default_factory=Settings)  # at the start

    @property
    def setup(self) -> tuple[str | None, ...]:
        """What makes of one program another, or runs it otherwise: versions, flags, settings."""
        versions = (self.versions.get(name) for name in COMPILERS)
        return (*versions, self.machine.xla_flags, *self.settings.process.values())

    @property
    def shortfalls(self) -> tuple[str, ...]:
        """How it is less than the whole suite."""
        return self.narrowed

    @property
    def whole(self) -> bool:
        """Whether it speaks for its suite: all of it was requested, and finished."""
        return not self.shortfalls


@dataclass(frozen=True, kw_only=True)
class Run(Origin):
    """One run of the benchmark on one backend of one machine.

    visits_s: how long each visit took, which is a process's turns of every case. harness: the tree
    that measured, and whose the baseline is, where that is not `source`. together: a name that runs
    have whose visits took turns.
    """

    unavailable: dict[Text, Message]  # kernels that this machine lacks, and why
    seconds: Quantity
    complete: bool
    visits_s: tuple[Quantity, ...] = ()
    ceilings: Ceilings = ()
    cases: tuple[CaseResult, ...] = ()
    harness: Source | None = None
    together: Text = ""

    @property
    def whole(self) -> bool:
        return self.complete and super().whole

    @property
    def visits(self) -> int:
        """How many have ended."""
        return len(self.visits_s)

    @property
    def shortfalls(self) -> tuple[str, ...]:
        few = self.visits < FEWEST_VISITS
        return (*self.narrowed, *([f"{self.visits} of {FEWEST_VISITS} visits"] if few else []))

    def __post_init__(self) -> None:
        if len({result.case for result in self.cases}) < len(self.cases):
            raise ValueError("one case has two results")
        turns: dict[Case, tuple[int, ...]] = {}  # of each visit
        for result in filter(lambda result: result.visits, self.cases):
            own = tuple(len(visit.samples_s) for visit in result.visits)
            if turns.setdefault(result.case.group, own) != own:
                raise ValueError("cases of one group have different turns")

    def updated(self, results: Iterable[CaseResult], seconds: float) -> "Run":
        """This run with these cases more, or with what a further visit added to them."""
        cases = {each.case: each for each in (*self.cases, *results)}
        return replace(self, cases=tuple(cases.values()), seconds=seconds)
