"""An environment for each version of JAX, made once and kept in the user's cache."""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from importlib.metadata import requires
from pathlib import Path

from bench.records.store import ResultError
from kernels.native import cache

PROJECT = "recurrent-kernels"
READY = "ready"  # the file that is written once all is installed


def python(version: str) -> str:
    """The Python that has this version of JAX, and else what the project requires.

    Raises ResultError where it cannot be installed.
    """
    required = _required()
    own = [sys.version, *required]
    digest = sha256("\n".join(own).encode()).hexdigest()[:8]
    folder = cache.folder() / "environments" / f"jax-{version}-{digest}"
    program = folder / "bin" / "python"
    with _held(folder):
        if not (folder / READY).exists():
            shutil.rmtree(folder, ignore_errors=True)
            _make(folder, program, version, required)
            (folder / READY).touch()
    return str(program)


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Two commands do not make the same one at once."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder.parent, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _make(folder: Path, program: Path, version: str, required: Sequence[str]) -> None:
    """With uv where there is one, for it takes seconds."""
    print(f"Making an environment with jax {version} (once) ...", file=sys.stderr, flush=True)
    wanted = (f"jax=={version}", *required)
    if uv := shutil.which("uv"):
        _call(version, uv, "venv", "--quiet", "--python", sys.executable, str(folder))
        _call(version, uv, "pip", "install", "--quiet", "--python", str(program), *wanted)
    else:
        _call(version, sys.executable, "-m", "venv", str(folder))
        _call(version, str(program), "-m", "pip", "install", "--quiet", *wanted)


def _required() -> list[str]:
    """Of the project, without its extras."""
    return [each for each in requires(PROJECT) or () if "extra ==" not in each]


def _call(version: str, *command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        lines = [line for line in done.stderr.strip().splitlines() if line.strip()]
        why = next(
            (line for line in lines if "ERROR" in line or "error" in line), "no reason given"
        )
        raise ResultError(f"--jax is {version!r}, which cannot be installed: {why.strip()}")
