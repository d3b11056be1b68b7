"""What the gate and its worker processes say to each other: JSON, one line a message."""

from dataclasses import dataclass
from typing import IO, Literal

from bench.plan import Case
from bench.results import adapter


@dataclass(frozen=True)
class Item:
    """What is compared: a case, its head slowed by a share of extra work (0 but in a self-test)."""

    case: Case
    extra: float = 0.0


@dataclass(frozen=True)
class Job:
    """The first message to a worker: where `kernels` must come from, and all it may be asked.

    The worker answers "ok" when it has started.
    """

    root: str
    platform: str
    items: tuple[Item, ...]


@dataclass(frozen=True)
class Request:
    """One question about the job's item of this index.

    "prepare" compiles and checks it, "turn" times it, "check" holds the last turn's output against
    the oracle again.
    """

    what: Literal["prepare", "turn", "check"]
    index: int


@dataclass(frozen=True)
class Answer:
    """`seconds` a call, a turn's samples; statuses are those of a `CaseResult`, or "absent"."""

    status: Literal["ok", "wrong", "emulated", "unsupported", "failed", "absent"]
    reason: str = ""
    seconds: tuple[float, ...] = ()


def send(message: object, stream: IO[bytes]) -> None:
    """Write a message, at once."""
    stream.write(adapter(type(message)).dump_json(message) + b"\n")
    stream.flush()


def receive[Message](kind: type[Message], stream: IO[bytes]) -> Message | None:
    """The next message, or None when the other side has gone."""
    line = stream.readline()
    return adapter(kind).validate_json(line) if line.endswith(b"\n") else None
