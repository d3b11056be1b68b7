"""The same suite under several versions of JAX, whose runs take turns, and what changed."""

from collections.abc import Sequence
from datetime import UTC, datetime

from rich.console import Console

from bench.fleet.opening import FOLDER
from bench.fleet.versions import environments
from bench.measuring import supervisor
from bench.measuring.supervisor import Command
from bench.records import store
from bench.records.store import ResultError
from bench.report.compare import command as compare
from bench.timing.interrupts import Interrupt
from bench.workers.client import SEARCH_PATH
from bench.workers.together import TOGETHER


def main(versions: Sequence[str], words: Sequence[str], console: Console, *, publish: bool) -> int:
    """Measure, file a run a version in one folder, and compare them with the first there.

    `words` are of `bench run`. Raises ResultError for fewer than two versions, and for one that
    cannot be installed, or measures nothing.
    """
    if len(versions) < 2:
        raise ResultError(f"--jax is {' '.join(versions)}; expected two versions or more")
    pythons = [environments.python(version) for version in versions]
    name = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-versions"
    folder = store.root(publish=publish) / FOLDER / name
    files = [folder / f"jax-{version}.json" for version in versions]
    commands = [
        Command(("run", *words, "--out", str(file)), {**SEARCH_PATH, TOGETHER: name}, python)
        for file, python in zip(files, pythons, strict=True)
    ]
    interrupt = Interrupt()
    status = supervisor.interleaved(commands, interrupt)
    if interrupt:
        return interrupt.status
    if missing := [file for file in files if not file.exists()]:
        raise ResultError(f"{missing[0].stem} measured nothing; it said why")
    return max(status, compare.main(files, console, folder=folder))
