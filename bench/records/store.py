"""Result files: one JSON a run, with raw samples, checked when read, never half written."""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from bench.cases.fields import CONTROL
from bench.records.run import SCHEMA, Origin, Run

ROOT = Path("results")
FILES = "[0-9]*T[0-9]*-*.json"  # as `create` names them
FILLED = "history-"  # begins the name of a run that measured another tree's kernels
LARGEST_FILE = 256 * 2**20  # bytes; a run of the default suite is a thousandth of it
LONGEST_PLACE = 100  # characters, of where in a file something is invalid


class ResultError(Exception):
    """A result file that cannot be used; the message names it and says why."""


@dataclass(frozen=True)
class _Header:
    schema: int


adapter = lru_cache(TypeAdapter)


def load[Record](path: Path, kind: type[Record] = Run) -> Record:
    """Read and check a result file. Raises ResultError, naming the file, for anything invalid."""
    try:
        with path.open("rb") as file:
            text = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise ResultError(f"{path}: {error.strerror}") from error
    return parsed(text, kind, str(path))


def parsed[Record](text: bytes, kind: type[Record], name: str) -> Record:
    """Check the text of a result file. Raises ResultError, which begins with the name."""
    if len(text) > LARGEST_FILE:
        raise ResultError(f"{name}: larger than any result file ({LARGEST_FILE} bytes)")
    try:
        schema = adapter(_Header).validate_json(text).schema
        if schema != SCHEMA:
            raise ResultError(
                f"{name}: schema {schema}; this version reads schema {SCHEMA}: measure again, or "
                "move the file away"
            )
        return adapter(kind).validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = CONTROL.sub("�", ".".join(map(str, first["loc"])))[:LONGEST_PLACE] or "the file"
        raise ResultError(f"{name}: not a result file: {where}: {first['msg']}") from error


def save(record: object, path: Path) -> None:
    """Replace the file by this record, whole or not at all."""
    write_atomically(path, _dump(record))


def root(*, publish: bool) -> Path:
    """The folder that holds one folder a machine."""
    return ROOT if publish else ROOT / "local"


def runs(folder: Path) -> list[Path]:
    """The files of runs there, also of those that measured another tree's kernels: these last."""
    return [path for kind in ("", FILLED) for path in sorted(folder.glob(f"{kind}{FILES}"))]


def create(run: Origin, *, publish: bool, folder: str = "", kind: str = "") -> Path:
    """File a new run under its machine's name; an older file is never replaced.

    `kind` comes first in the name of a file that is no `Run`.
    """
    folder = root(publish=publish) / run.machine.folder / folder
    stem = f"{kind}{run.started[:19].replace(':', '').replace('-', '')}-{run.suite}"
    for attempt in range(1, 1000):
        path = folder / f"{stem}{f'-{attempt}' if attempt > 1 else ''}.json"
        try:
            write_atomically(path, _dump(run), replace=False)
        except FileExistsError:
            continue
        return path
    raise ResultError(f"{folder}: a thousand runs named {stem} are there already")


def create_at(path: Path, record: object) -> Path:
    """File a new record where the user wants it. Raises ResultError if something is there."""
    try:
        write_atomically(path, _dump(record), replace=False)
    except FileExistsError:
        raise ResultError(f"--out is {path}, which is there already; expected a new file") from None
    return path


def _dump(record: object) -> str:
    return adapter(type(record)).dump_json(record, indent=1).decode()


@contextmanager
def locked(folder: Path) -> Iterator[None]:
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
