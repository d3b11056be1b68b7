"""The folder of a fleet's results: one driver at a time, every task's file kept as it arrives."""

import fcntl
import os
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bench.cases.case import Case
from bench.fleet.results.record import Fleet
from bench.records import store
from bench.records.run import CaseResult, Run
from bench.records.store import ResultError

RECORD = "fleet.json"
TASKS = "tasks"  # the folder of their files, by kind of machine and node


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Raises ResultError if another driver is at work there."""
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ResultError(f"--out is {folder}, where another driver is at work") from None
    else:
        yield
    finally:
        os.close(handle)


def newest(root: Path) -> Path:
    """The folder to go on with. Raises ResultError if none was cut short."""
    folders = sorted(path.parent for path in root.glob(f"*/{RECORD}"))
    for folder in reversed(folders):
        with suppress(ResultError):  # a record of another version of this suite
            if not store.load(folder / RECORD, Fleet).complete:
                return folder
    raise ResultError(f"--resume found no fleet in {root} that was cut short")


def received(text: bytes, place: str, groups: Collection[Case]) -> Run:
    """A node's answer about these groups, checked like any file of unknown origin.

    Raises ResultError for anything else.
    """
    kind, _, name = place.partition("/")
    run = store.parsed(text, Run, f"what {name} sent")
    if run.machine.folder != kind:
        raise ResultError(f"what {name} sent was measured on another machine")
    if not run.complete:
        raise ResultError(f"what {name} sent was cut short")
    if strange := [result.case for result in run.cases if result.case.group not in groups]:
        raise ResultError(f"what {name} sent is of {strange[0].problem!r}, which it was not given")
    return run


def keep(folder: Path, place: str, run: Run) -> None:
    """File a task's result; `place` is its node's."""
    own = folder / TASKS / place
    number = len(list(own.glob("*.json"))) + 1
    store.create_at(own / f"{number:05}.json", run)


def kept(folder: Path) -> dict[str, list[Run]]:
    """What each place has measured so far, in the order in which it came."""
    found: dict[str, list[Run]] = {}
    for path in sorted((folder / TASKS).glob("*/*/*.json")):
        place = path.parent.relative_to(folder / TASKS).as_posix()
        found.setdefault(place, []).append(store.load(path))
    return found


def results(runs: Iterable[Run]) -> dict[Case, CaseResult]:
    """Of each group the first: one that was dealt again, or to every node, has come more often."""
    found: dict[Case, dict[Case, CaseResult]] = {}
    for run in runs:
        groups: dict[Case, dict[Case, CaseResult]] = {}
        for result in run.cases:
            groups.setdefault(result.case.group, {})[result.case] = result
        found |= {group: results for group, results in groups.items() if group not in found}
    return {case: result for group in found.values() for case, result in group.items()}
