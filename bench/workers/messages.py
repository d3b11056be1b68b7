"""What a worker and its client say to each other: JSON, one line a message."""

import ctypes
import signal
from dataclasses import dataclass, field
from typing import IO, Literal

from pydantic import ConfigDict, with_config

from bench.cases.case import Case
from bench.records.facts import Ceilings
from bench.records.run import CaseResult, Error
from bench.records.store import adapter

SET_SIGNAL_OF_PARENTS_DEATH = 1  # of prctl(2)


@dataclass(frozen=True)
class Item:
    """What is measured: a case, slowed by a share of extra work (0 but in the gate's self-test)."""

    case: Case
    extra: float = 0.0


@dataclass(frozen=True)
class Start:
    """The first message to a worker. It answers "ok" when it has started.

    `root` is the folder that `kernels` must be imported from; "" allows any. With kernels of
    a user's own, places by name, it is these that must come from there. On a CPU it has so many
    devices; a GPU's are all there. `async_dispatch`: as `bench.records.facts.Settings` has it.
    """

    platform: str
    root: str = ""
    own: dict[str, str] = field(default_factory=dict)
    devices: int = 1
    async_dispatch: bool = True


@dataclass(frozen=True)
class Request:
    """What to do with an item, or to measure "ceilings" for `dtypes`.

    "prepare" compiles and checks it, "warm" calls it until it is steady, "turn" times it for about
    `turn_s` seconds after `warm_s`, "check" holds the last turn's outputs against the oracle again,
    "forget" frees its memory.
    `free_cores`: a turn on a CPU waits for them. `variant`: the baseline is the one of this name,
    "" the fastest; None: it is the plain one.
    """

    what: Literal["prepare", "warm", "turn", "check", "forget", "ceilings"]
    item: Item | None = None
    turn_s: float = 0.0
    warm_s: float = 0.0
    free_cores: bool = False
    variant: str | None = None
    dtypes: tuple[str, ...] = ()


@with_config(ConfigDict(ser_json_inf_nan="strings"))
@dataclass(frozen=True)
class Answer:
    """Statuses are those of a `CaseResult`, or "absent".

    seconds: per call, the samples of a turn. calls: of "warm". result: of "prepare". error: of
    "check". ceilings: of "ceilings".
    """

    status: Literal["ok", "wrong", "emulated", "unsupported", "failed", "absent"]
    reason: str = ""
    seconds: tuple[float, ...] = ()
    calls: int = 0
    result: CaseResult | None = None
    error: Error | None = None
    ceilings: Ceilings = ()


def die_with_parent() -> None:
    """Ask the system to kill this process when its parent dies, however that happens."""
    ctypes.CDLL(None).prctl(SET_SIGNAL_OF_PARENTS_DEATH, signal.SIGKILL)


def send(message: object, stream: IO[bytes]) -> None:
    """Write a message, at once."""
    stream.write(adapter(type(message)).dump_json(message) + b"\n")
    stream.flush()


def receive[Message](kind: type[Message], stream: IO[bytes]) -> Message | None:
    """The next message, or None when the other side has gone."""
    line = stream.readline()
    return adapter(kind).validate_json(line) if line.endswith(b"\n") else None
