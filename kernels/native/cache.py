"""Files in the user's cache that are loaded only if they are what was put there.

Beside each lies a manifest, written after it. A file that was cut off, overwritten or swapped does
not match, and counts as missing: loading it could kill the process.
"""

import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path


def folder() -> Path:
    """The project's folder in the user's cache; it need not exist."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base, "recurrent-kernels")


def made_by(path: Path) -> str | None:
    """The compiler of the file at this path; None if it is missing or not what was put there."""
    try:
        content, manifest = path.read_bytes(), _manifest(path).read_text(errors="replace")
    except OSError:
        return None
    sum_, _, made_by = manifest.partition("\n")
    return made_by if sum_ == _sum(content) else None


def put(path: Path, make: Callable[[Path], None], made_by: str) -> None:
    """Let `make` write the file beside the path, then move it there, with its manifest.

    A process that reads, or a machine that stops, meanwhile finds the old file or none.
    Raises what `make` raises, and OSError.
    """
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
        built, manifest = Path(scratch, path.name), Path(scratch, "manifest")
        make(built)
        manifest.write_text(f"{_sum(built.read_bytes())}\n{made_by}")
        for source, target in ((built, path), (manifest, _manifest(path))):
            _write_out(source)
            source.replace(target)


@contextmanager
def locked() -> Iterator[None]:
    """One process at a time; the system releases the lock of one that dies."""
    folder().mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder() / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _manifest(path: Path) -> Path:
    return path.with_suffix(".txt")


def _sum(content: bytes) -> str:
    """Length and checksum."""
    return f"{len(content)} bytes, SHA-256 {sha256(content).hexdigest()}"


def _write_out(path: Path) -> None:
    """Renamed before its content reaches the disk, a file could be empty after a power cut."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
