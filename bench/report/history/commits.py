"""The commits that git knows, parents before their children."""

import re
import subprocess
from collections.abc import Collection
from pathlib import Path

FULL = re.compile(r"[0-9a-f]{40,64}")


def in_order(repository: Path, commits: Collection[str]) -> dict[str, str]:
    """The subject of each of these that git knows, the oldest first: its topological order."""
    wanted = {commit for commit in commits if FULL.fullmatch(commit)}
    known = re.findall(
        r"^(\w+) commit ", _git(repository, "cat-file", "--batch-check", lines=wanted), re.M
    )
    if not known:
        return {}
    log = _git(repository, "log", "--topo-order", "--reverse", "--format=%H %s", *known)
    every = dict(line.split(" ", 1) for line in log.splitlines())
    return {commit: subject for commit, subject in every.items() if commit in wanted}


def _git(repository: Path, *arguments: str, lines: Collection[str] = ()) -> str:
    """What git prints for these lines of input; nothing outside a checkout."""
    command = ["git", "--no-optional-locks", "-C", str(repository), *arguments]
    text = "".join(f"{line}\n" for line in lines)
    done = subprocess.run(
        command, input=text, capture_output=True, encoding="utf-8", errors="replace"
    )
    return done.stdout if done.returncode == 0 else ""
