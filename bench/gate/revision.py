"""The kernels of another revision, in a folder that is gone afterwards.

It is an archive unpacked, not a `git worktree`: that would be entered in the repository, and stay
there if the gate were killed.
"""

import io
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.gate.tree import Tree
from bench.records import git
from bench.records.store import ResultError
from bench.workers.revision import PACKAGES


def commit(repository: Path, revision: str, option: str = "--base") -> str:
    """The full name of the commit. Raises ResultError, naming the option, where there is none."""
    if not (repository / ".git").exists():
        raise ResultError(f"{repository}: not a git checkout, so there is nothing to compare with")
    name = git.commit(repository, revision)
    if name is None:
        raise ResultError(
            f"{option} is {revision!r}; expected a commit, branch or tag of {repository}"
        )
    return name


@contextmanager
def unpacked(tree: Tree, commit: str) -> Iterator[Path]:
    """A temporary folder with a commit's kernels to import. Raises ResultError if it has none."""
    archive = git.git_bytes(tree.repository, "archive", "--format=tar", commit, *tree.paths)
    if archive is None:
        lacking = f"lacks {' or '.join(tree.paths)}, or it " if tree.paths else ""
        raise ResultError(f"commit {commit[:12]} {lacking}is not in {tree.repository}")
    with TemporaryDirectory(prefix="bench-regress-") as folder:
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            tar.extractall(folder, filter="data")
        yield Path(folder).resolve() / tree.inside


@contextmanager
def copied(tree: Path) -> Iterator[Path]:
    """A temporary folder with the kernels of a working tree, as they stand."""
    with TemporaryDirectory(prefix="bench-regress-") as folder:
        for package in PACKAGES:
            shutil.copytree(tree / package, Path(folder, package))
        yield Path(folder).resolve()
