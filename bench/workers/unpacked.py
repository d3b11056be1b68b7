"""The tree whose kernels a run measures, where that is not this one, as its processes are told."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

COMMIT, ROOT = "BENCH_TREE_COMMIT", "BENCH_TREE_ROOT"


@dataclass(frozen=True)
class Unpacked:
    """A commit, and the folder that it is unpacked in."""

    commit: str
    root: str

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables that tell a process of it."""
        return {COMMIT: self.commit, ROOT: self.root}


def measured() -> Unpacked | None:
    """What this process was told, if it was."""
    known = COMMIT in os.environ and ROOT in os.environ
    return Unpacked(os.environ[COMMIT], os.environ[ROOT]) if known else None
