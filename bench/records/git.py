"""What git says of a checkout. It is asked to leave no lock behind, even where the disk is full."""

import subprocess
from pathlib import Path

LIMIT_S = 60


def git(folder: Path, *words: str) -> str | None:
    """What it prints there, without the space around; None if it is not there, or refuses."""
    printed = git_bytes(folder, *words)
    return None if printed is None else printed.decode(errors="replace").strip()


def git_bytes(folder: Path, *words: str) -> bytes | None:
    """The same as it is, for an archive."""
    command = ("git", "--no-optional-locks", "-C", str(folder), *words)
    try:
        return subprocess.run(command, capture_output=True, timeout=LIMIT_S, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None


def top(folder: Path) -> Path | None:
    """Of the checkout that the folder is in, if it is in one."""
    found = git(folder, "rev-parse", "--show-toplevel")
    return Path(found).resolve() if found else None


def commit(folder: Path, revision: str) -> str | None:
    """The full name of a commit, branch or tag; None for anything else."""
    return git(folder, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
