"""The tree whose kernels a run measures, if not this one; its processes know by two variables."""

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
        """The variables by which a process knows."""
        return {COMMIT: self.commit, ROOT: self.root}


def measured() -> Unpacked | None:
    """The tree that this process is to measure, if it is another one."""
    known = COMMIT in os.environ and ROOT in os.environ
    return Unpacked(os.environ[COMMIT], os.environ[ROOT]) if known else None
