"""One run in a result file: who ran what where, and what became of every case."""

from dataclasses import dataclass, replace
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, with_config

from bench.cases.case import Case
from bench.cases.fields import Count, FileName, Message, Quantity, Seconds, Text, Timestamp
from bench.records.facts import Ceilings, Conditions, DeviceTime, Source
from bench.records.machine import Machine

SCHEMA = 3

Error = Annotated[float, Field(ge=0)]  # infinite where an output was not finite


@with_config(ConfigDict(ser_json_inf_nan="strings"))
@dataclass(frozen=True)
class CaseResult:
    """What became of one case.

    status: "ok" timed; "wrong" outside its tolerance, so not timed; "emulated" correct, but its
    speed would mean nothing; "unsupported" does not run here; "failed" raised or died. Only "ok"
    has samples: seconds a call, a list for every turn, measured by the timer named; the interval in
    which their median lies, and whether the turns ended because that was narrow or because the
    time for them was spent.
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
    samples_s: tuple[Annotated[tuple[Seconds, ...], Field(min_length=1)], ...] = ()
    interval_s: tuple[Quantity, Seconds] | None = None
    stopped: Literal["precise", "budget"] | None = None
    conditions: Conditions | None = None
    device: DeviceTime | None = None  # of one more call, on a GPU
    variant: Text = ""  # which of the ways to write it, where this is the best of several


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

    @property
    def whole(self) -> bool:
        """Whether it speaks for its suite: all of it was requested, and finished."""
        return not self.narrowed


@dataclass(frozen=True, kw_only=True)
class Run(Origin):
    """One run of the benchmark on one backend of one machine."""

    unavailable: dict[Text, Message]  # kernels that this machine lacks, and why
    seconds: Quantity
    complete: bool
    ceilings: Ceilings = ()
    cases: tuple[CaseResult, ...] = ()

    @property
    def whole(self) -> bool:
        return self.complete and super().whole

    def __post_init__(self) -> None:
        if len({result.case for result in self.cases}) < len(self.cases):
            raise ValueError("one case has two results")

    def adding(self, result: CaseResult, seconds: float) -> "Run":
        """This run with one case more."""
        return replace(self, cases=(*self.cases, result), seconds=seconds)
