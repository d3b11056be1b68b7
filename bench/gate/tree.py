"""What has revisions that the gate compares: this project's kernels, or a user's own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.contenders import own
from bench.records import git
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
    def file(self) -> Path | None:
        """A file of a user's own kernels, by which to know the commit; None: this project's."""
        return next(map(own.file, self.own.values()), None)

    @property
    def root(self) -> Path:
        """Where the working tree's kernels are imported from."""
        return self.repository / self.inside


def of_own_kernels(places: Sequence[str]) -> Tree:
    """The repository that these kernels' modules lie in. Raises ResultError if there is none."""
    folder = own.folder(places[0])  # of all, or they would not be registered
    top = git.top(folder)
    if top is None:
        raise ResultError(f"--kernel names kernels in {folder}; expected a git checkout")
    named = {own.name(place): place for place in places}
    return Tree(top, (), named, folder.relative_to(top))
