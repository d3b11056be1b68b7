"""Result files: one JSON a run, with raw samples, checked when read, never half written."""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config

from bench import machine
from bench.ceilings.model import Ceilings
from bench.device_time import DeviceTime
from bench.fields import CONTROL, Count, FileName, Message, Quantity, Seconds, Text, Timestamp
from bench.machine import Machine, Source
from bench.plan import Case
from bench.surroundings import Conditions

SCHEMA = 2
ROOT = Path("results")
FILES = "[0-9]*T[0-9]*-*.json"  # as `create` names them
LARGEST_FILE = 256 * 2**20  # bytes; a run of the default suite is a thousandth of it
LONGEST_PLACE = 100  # characters, of where in a file something is amiss

Error = Annotated[float, Field(ge=0)]  # infinite where an output was not finite


class ResultError(Exception):
    """A result file that cannot be used; the message names it and says why."""


@with_config(ConfigDict(ser_json_inf_nan="strings"))
@dataclass(frozen=True)
class CaseResult:
    """What became of one case.

    status: "ok" timed; "wrong" outside its tolerance, so not timed; "emulated" correct, but its
    speed would mean nothing; "unsupported" does not run here; "failed" raised. Only "ok" has
    samples: seconds a call, a list for every turn, made by the timer named; the interval in which
    their median lies, and whether the turns ended because that was narrow or because the time for
    them was spent.
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
        """Whether it speaks for its suite: all of it was asked for, and finished."""
        return not self.narrowed


def origin(suite: str, command: str) -> dict[str, object]:
    """The fields of `Origin`, here and now."""
    return {
        "schema": SCHEMA,
        "suite": suite,
        "command": command,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine.machine(),
        "versions": machine.versions(),
        "source": machine.source(),
    }


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


@dataclass(frozen=True)
class _Header:
    schema: int


adapter = lru_cache(TypeAdapter)


def load[Kind: Origin](path: Path, kind: type[Kind] = Run) -> Kind:
    """Read and check a result file. Raises ResultError, naming the file, for anything amiss."""
    try:
        with path.open("rb") as file:
            text = file.read(LARGEST_FILE + 1)
        if len(text) > LARGEST_FILE:
            raise ResultError(f"{path}: larger than any result file ({LARGEST_FILE} bytes)")
        schema = adapter(_Header).validate_json(text).schema
        if schema != SCHEMA:
            raise ResultError(
                f"{path}: schema {schema}; this version reads schema {SCHEMA}: measure again, or "
                "move the file away"
            )
        return adapter(kind).validate_json(text)
    except OSError as error:
        raise ResultError(f"{path}: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = CONTROL.sub("�", ".".join(map(str, first["loc"])))[:LONGEST_PLACE] or "the file"
        raise ResultError(f"{path}: not a result file: {where}: {first['msg']}") from error


def save(run: Origin, path: Path) -> None:
    """Replace the file by this run, whole or not at all."""
    write_atomically(path, _dump(run))


def root(*, publish: bool) -> Path:
    """The folder that holds one folder a machine."""
    return ROOT if publish else ROOT / "local"


def create(run: Origin, *, publish: bool, folder: str = "", kind: str = "") -> Path:
    """File a new run under its machine's name; an older file is never replaced.

    `kind` comes first in the name of a file that is no `Run`.
    """
    folder = root(publish=publish) / run.machine.slug / folder
    stem = f"{kind}{run.started[:19].replace(':', '').replace('-', '')}-{run.suite}"
    for attempt in range(1, 1000):
        path = folder / f"{stem}{f'-{attempt}' if attempt > 1 else ''}.json"
        try:
            write_atomically(path, _dump(run), replace=False)
        except FileExistsError:
            continue
        return path
    raise ResultError(f"{folder}: a thousand runs named {stem} are there already")


def _dump(run: Origin) -> str:
    return adapter(type(run)).dump_json(run, indent=1).decode()


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Wait until no other process is here for this folder: who reads, then writes, reads it all."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def write_atomically(path: Path, text: str, *, replace: bool = True) -> None:
    """Write beside the path, then rename: a reader, or a kill, finds the whole file or the old one.

    Raises FileExistsError if the path exists and is not to be replaced.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        if replace:
            temporary.replace(path)
        else:
            path.hardlink_to(temporary)
    finally:
        temporary.unlink(missing_ok=True)
