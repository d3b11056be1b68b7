"""Which variant of a case earlier runs on this machine chose, so that another run takes it too."""

from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path

from bench.cases.case import BASELINE, Case
from bench.records import store
from bench.records.run import Run
from bench.records.store import ResultError


def chosen(now: Run, cases: Iterable[Case]) -> dict[Case, str]:
    """The variant of each baseline among the cases, by the newest run like this one that timed it.

    Runs are alike if they are of one machine, libraries, XLA flags and settings of the process.
    Both published and local ones count; those that filled in a history only where there are no
    others.
    """
    wanted = {case for case in cases if case.kernel == BASELINE}
    found: dict[Case, str] = {}
    for path in _newest_first(now):
        if len(found) == len(wanted):
            break
        with suppress(ResultError):  # a file of another version of this suite
            earlier = store.load(path)
            if _alike(earlier, now):
                found = _variants(earlier, wanted) | found
    return found


def _newest_first(now: Run) -> list[Path]:
    folders = (store.root(publish=publish) / now.machine.folder for publish in (True, False))
    paths = (path for folder in folders for path in store.runs(folder))
    return sorted(paths, key=lambda path: (path.match(store.FILES), path.name), reverse=True)


def _alike(earlier: Run, now: Run) -> bool:
    """With another version of a compiler, or JAX waiting, another variant may be the fastest."""
    same_machine = earlier.machine.fingerprint == now.machine.fingerprint
    return same_machine and earlier.setup == now.setup


def _variants(run: Run, wanted: Collection[Case]) -> dict[Case, str]:
    return {each.case: each.variant for each in run.cases if each.visits and each.case in wanted}
