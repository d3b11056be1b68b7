"""Which result files to compare: files, folders, commits and names of runs, or the latest two."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from bench.records import git, store
from bench.records.run import Run
from bench.records.store import ResultError

type Filed = tuple[Run, Path]
# Two revisions, neither of which begins or ends like a path.
RANGE = re.compile(r"([^./\s](?:\S*?[^./\s])?)\.\.([^./\s]\S*)")
EXPECTED = "expected a result file, a folder of them, a run's name, or commits as A..B"


def chosen(names: Sequence[str], machine: Callable[[], str]) -> list[Path]:
    """What is named, in that order; else the latest two whole runs of the latest suite with two.

    A folder stands for its latest whole run, a commit for the latest one of it; where several
    suites are there, for that of the latest suite that all of them have. `machine` gives the folder
    of this machine's results, where runs of commits are looked up. Raises ResultError if there are
    not two, or for a name that is none of these.
    """
    if not names:
        return _latest_two(machine())
    found = [runs for name in names for runs in _meant(name, machine)]
    if len(found) == 1:
        raise ResultError(f"compare got 1 run, {names[0]}; expected none, two or more")
    suite = _common_suite(names, found)
    return [next(path for run, path in runs if suite in (None, run.suite)) for runs in found]


def _latest_two(machine: str) -> list[Path]:
    by_suite: dict[str, list[Path]] = {}
    for run, path in _whole(_of_machine(machine)):
        by_suite.setdefault(run.suite, []).append(path)
    for found in by_suite.values():
        if len(found) > 1:
            return found[1::-1]
    where = " and ".join(map(str, _folders(machine)))
    raise ResultError(f"{where}: no two whole runs of one suite; `bench run` makes some")


def _meant(name: str, machine: Callable[[], str]) -> Iterator[list[Filed]]:
    """The runs that a name may stand for, the latest first; two lists for a pair of commits."""
    path = Path(name)
    if path.is_dir():
        yield _some(_whole(path.glob(store.FILES)), f"{path}: no whole run there")
    elif path.exists():
        yield [(store.load(path), path)]
    elif commits := RANGE.fullmatch(name):
        yield from (_of_commit(commit, machine()) for commit in commits.groups())
    elif named := _named(name):
        yield named
    else:
        raise ResultError(f"compare got {name!r}; {EXPECTED}")


def _named(name: str) -> list[Filed]:
    """The run whose file has this name, published or not."""
    folders = (folder for folder in store.ROOT.glob("**/") if folder.is_dir())
    paths = [path for folder in folders for path in store.runs(folder) if path.stem == name]
    if len(paths) > 1:
        listed = ", ".join(map(str, sorted(paths)))
        raise ResultError(f"compare got {name!r}, which {listed} have; expected one path")
    return [(store.load(path), path) for path in paths]


def _of_commit(revision: str, machine: str) -> list[Filed]:
    """Runs of a commit without local changes, on this machine."""
    commit = git.commit(Path(), revision)
    if commit is None:
        raise ResultError(f"compare got {revision!r}; expected a commit, branch or tag")
    runs = _whole(_of_machine(machine))
    own = [each for each in runs if each[0].source.is_known and each[0].source.commit == commit]
    where = " and ".join(map(str, _folders(machine)))
    return _some(own, f"{where}: no whole run of commit {revision}; `bench run` there makes one")


def _common_suite(names: Sequence[str], found: Sequence[Sequence[Filed]]) -> str | None:
    """The latest suite of those that may stand for several runs; None where there is no choice."""
    several = [runs for runs in found if len(runs) > 1]
    if not several:
        return None
    for run, _ in several[0]:
        if all(any(other.suite == run.suite for other, _ in runs) for runs in found):
            return run.suite
    raise ResultError(f"no suite of which all have a whole run: {', '.join(names)}")


def _some(runs: Sequence[Filed], otherwise: str) -> list[Filed]:
    if not runs:
        raise ResultError(otherwise)
    return list(runs)


def _whole(paths: Iterable[Path]) -> list[Filed]:
    """Those that speak for their suite, the latest first."""
    runs: list[Filed] = []
    for path in paths:
        with suppress(ResultError):  # a file of another version of this suite
            runs.append((store.load(path, Run), path))
    whole = [each for each in runs if each[0].whole]
    return sorted(whole, key=lambda each: (each[0].started, each[1]), reverse=True)


def _of_machine(machine: str) -> Iterator[Path]:
    return (path for folder in _folders(machine) for path in folder.glob(store.FILES))


def _folders(machine: str) -> list[Path]:
    """Of its published runs, and of those that are not."""
    return [store.root(publish=publish) / machine for publish in (True, False)]
