"""What git says of a checkout. It is asked to leave no lock behind, even where the disk is full."""

import subprocess
from pathlib import Path

from bench.cases.fields import printable
from bench.records.store import ResultError

LIMIT_S = 60


def output(folder: Path, *words: str) -> str | None:
    """What it prints there, without the space around; None if it is not there, or refuses."""
    printed = git_bytes(folder, *words)
    return None if printed is None else printed.decode(errors="replace").strip()


def required(folder: Path, *words: str) -> str:
    """What it prints there. Raises ResultError if it refuses."""
    printed = output(folder, *words)
    if printed is None:
        raise ResultError(f"git {words[0]} fails in {folder}")
    return printed


def named(folder: Path, commit: str) -> str:
    """A commit for people: abbreviated, with its subject. Raises ResultError for none."""
    return printable(required(folder, "log", "-1", "--no-show-signature", "--format=%h %s", commit))


def git_bytes(folder: Path, *words: str) -> bytes | None:
    """The same as it is, for an archive."""
    command = ("git", "--no-optional-locks", "-C", str(folder), *words)
    try:
        return subprocess.run(command, capture_output=True, timeout=LIMIT_S, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None


def top(folder: Path) -> Path | None:
    """Of the checkout that the folder is in, if it is in one."""
    found = output(folder, "rev-parse", "--show-toplevel")
    return Path(found).resolve() if found else None


def commit(folder: Path, revision: str) -> str | None:
    """The full name of a commit, branch or tag; None for anything else."""
    return output(folder, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
