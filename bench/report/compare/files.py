"""Which result files to compare."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from bench.records import store
from bench.records.run import Run
from bench.records.store import ResultError


def chosen(named: Sequence[Path], machine: str) -> list[Path]:
    """Those that are named; else the latest two whole runs of this machine's latest suite that has
    two.

    `machine` is the folder of its results. Raises ResultError if there are not two.
    """
    if len(named) == 1:
        raise ResultError("compare got 1 result file; expected none, two or more")
    return list(named) or _latest_two(machine)


def _latest_two(machine: str) -> list[Path]:
    folders = [store.root(publish=publish) / machine for publish in (True, False)]
    paths = (path for folder in folders for path in folder.glob(store.FILES))
    by_suite: dict[str, list[Path]] = {}
    for path in sorted(paths, key=lambda path: path.name, reverse=True):
        with suppress(ResultError):  # a file of another version of this suite
            run = store.load(path, Run)
            if run.whole:
                by_suite.setdefault(run.suite, []).append(path)
    for found in by_suite.values():
        if len(found) > 1:
            return found[1::-1]
    where = " and ".join(map(str, folders))
    raise ResultError(f"{where}: no two whole runs of one suite; `bench run` makes some")
