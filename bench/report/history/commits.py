"""The commits of the branch that is checked out, parents before their children."""

from pathlib import Path

from bench.cases.fields import printable
from bench.records import git

# Without those that came by a merge: of commits beside each other neither is the other's past, so a
# step between them would be laid to the wrong one. `-z`: a subject has any character but NUL.
LOG = ("log", "--first-parent", "--reverse", "--no-show-signature", "-z", "--format=%H %s", "HEAD")


def of_branch(repository: Path) -> dict[str, str]:
    """The subject of each, the oldest first, along first parents; none outside a checkout."""
    log = git.output(repository, *LOG) or ""
    return dict(printable(each).split(" ", 1) for each in log.split("\0") if each)
