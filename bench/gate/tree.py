"""What has revisions that the gate compares: this project's kernels, or somebody's own."""

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.contenders import own
from bench.records.store import ResultError
from bench.workers.client import HARNESS
from bench.workers.revision import PACKAGES


@dataclass(frozen=True)
class Tree:
    """A repository, and what of it is compared.

    paths: what changes the kernels, and is unpacked of a revision; none: everything. own: the place
    of every kernel, by name, if they are not this project's. inside: the folder below the
    repository that their modules are found in.
    """

    repository: Path = HARNESS
    paths: tuple[str, ...] = PACKAGES
    own: Mapping[str, str] = field(default_factory=dict)
    inside: Path = Path()

    @property
    def root(self) -> Path:
        """Where the working tree's kernels are imported from."""
        return self.repository / self.inside


def of_own_kernels(places: Sequence[str]) -> Tree:
    """The repository that these kernels' modules lie in. Raises ResultError if they share none."""
    folders = {own.folder(place) for place in places}
    tops = {top_of(folder) for folder in folders}
    if len(folders) > 1 or None in tops:
        where = ", ".join(sorted(map(str, folders)))
        raise ResultError(f"{where}: expected one folder of a git checkout for all --kernel")
    (folder,), (top,) = folders, tops
    named = {own.name(place): place for place in places}
    return Tree(top, (), named, folder.relative_to(top))


def top_of(folder: Path) -> Path | None:
    """Of the checkout that the folder is in, if it is in one."""
    ask = ("git", "--no-optional-locks", "-C", str(folder), "rev-parse", "--show-toplevel")
    asked = subprocess.run(ask, capture_output=True, text=True)
    return Path(asked.stdout.strip()).resolve() if asked.returncode == 0 else None
