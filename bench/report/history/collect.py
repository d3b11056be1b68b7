"""The runs of one suite on one machine, in the order of the commits that they measured."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.records import store
from bench.records.run import Origin, Run
from bench.records.store import ResultError
from bench.report.history import commits

REPOSITORY = Path()  # as results/ is: of the project that is measured


@dataclass(frozen=True)
class Entry:
    """A run, and the first line of what its commit says."""

    run: Run
    subject: str

    @property
    def commit(self) -> str:
        """As git abbreviates it at least."""
        return self.run.source.commit[:7]


@dataclass(frozen=True)
class History:
    """Runs by commit, those of one commit by their start; and in words, which are not there."""

    suite: str
    entries: tuple[Entry, ...]
    left_out: tuple[str, ...]


def load(machine: str, suite: str | None) -> History:
    """Of the machine whose results are here; by default of the suite with the most to show.

    Raises ResultError where there is none.
    """
    runs, unreadable = _filed(machine)
    if not runs:
        raise ResultError(f"{_places(machine)}: no runs of this machine; `bench run` makes some")
    subjects = commits.of_branch(REPOSITORY)
    if not subjects:
        raise ResultError("git has no commits here; expected a checkout of what was measured")
    usable = [run for run in runs if run.source.is_known and run.source.commit in subjects]
    suite = suite or Counter(run.suite for run in usable or runs).most_common(1)[0][0]
    if suite not in (found := {run.suite for run in runs}):
        there = ", ".join(sorted(found))
        raise ResultError(f"--suite is {suite!r}; this machine has runs of {there}")
    return _ordered(suite, [run for run in runs if run.suite == suite], subjects, unreadable)


def filled(now: Origin) -> set[str]:
    """The commits that need no such run as `now`, whose source is the harness.

    Of each there is a complete one, with the same command line, setup and harness.
    """
    runs, _ = _filed(now.machine.folder)
    same = (now.command, now.setup, now.source)
    return {
        run.source.commit
        for run in runs
        if run.complete and (run.command, run.setup, run.harness) == same
    }


def _places(machine: str) -> str:
    return " and ".join(str(store.root(publish=publish) / machine) for publish in (True, False))


def _filed(machine: str) -> tuple[list[Run], int]:
    """Published and local runs, the oldest first, and how many files could not be read."""
    folders = (store.root(publish=publish) / machine for publish in (True, False))
    runs, unreadable = [], 0
    for path in (path for folder in folders for path in store.runs(folder)):
        try:
            runs.append(store.load(path))
        except ResultError:  # of another version of this suite
            unreadable += 1
    return sorted(runs, key=lambda run: run.started), unreadable


def _ordered(
    suite: str, runs: Sequence[Run], subjects: Mapping[str, str], unreadable: int
) -> History:
    clean = [run for run in runs if run.source.is_known]
    place = {commit: number for number, commit in enumerate(subjects)}
    known = sorted(
        (run for run in clean if run.source.commit in place),
        key=lambda run: place[run.source.commit],
    )
    left_out = tuple(_left_out(len(runs) - len(clean), len(clean) - len(known), unreadable))
    if not known:
        raise ResultError(f"suite {suite} has no run to show: {'; '.join(left_out)}")
    return History(suite, tuple(Entry(run, subjects[run.source.commit]) for run in known), left_out)


def _left_out(dirty: int, elsewhere: int, unreadable: int) -> Iterator[str]:
    if dirty:
        yield f"{dirty} of a tree with local changes, or of no git checkout"
    if elsewhere:
        yield f"{elsewhere} of a commit that is not on this branch, or came to it by a merge"
    if unreadable:
        yield f"{unreadable} in a file that cannot be read, of another version perhaps"
