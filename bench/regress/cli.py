"""`python -m bench regress`: compare, file, show, and say by the exit status whether to worry."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from time import monotonic

from rich.console import Console

from bench import results
from bench.interrupts import ENDING, Interrupt, raise_if, remembered
from bench.plan import Case
from bench.regress import judge, revision, rounds, table
from bench.regress.margins import Margins
from bench.regress.protocol import Item
from bench.regress.record import Regression
from bench.regress.rounds import Setup
from bench.regress.side import HARNESS

SEED = 20


@dataclass(frozen=True)
class Request:
    """What to compare, with which revision, and how strictly."""

    suite: str
    cases: tuple[Case, ...]
    platform: str
    base: str
    margins: Margins
    budget_s: int | float
    strict: bool
    publish: bool
    command: str
    narrowed: tuple[str, ...]  # options by which it is less than the whole suite


def main(request: Request, console: Console) -> int:
    """Compare the working tree with the base: 1 if anything is slower, wrong or failed.

    Raises ResultError for a base that is no revision, or a harness that cannot start its kernels.
    """
    # The device is asked its name here, and then left to the workers.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    commit = revision.commit(HARNESS, request.base)
    interrupted = Interrupt()
    with remembered(interrupted, *ENDING), revision.unpacked(HARNESS, commit) as base:
        blank = Regression(
            **results.origin(request.suite, request.command),
            base=commit,
            seconds=0.0,
            complete=False,
            rows=(),
        )
        path = results.create(blank, publish=request.publish, kind="regress-")
        found = _compare(request, blank, base, path, console, interrupted)
    title = f"The working tree against {request.base} ({commit[:12]})"
    console.print(table.for_terminal(found.rows, title))
    console.print(f"Times: {path}")
    if not found.complete:
        console.print("Cut short: the verdicts are those of the last look.")
        return interrupted.status
    return int(judge.failed(found.rows, strict=request.strict))


def _compare(
    request: Request,
    blank: Regression,
    base: Path,
    path: Path,
    console: Console,
    interrupted: Interrupt,
) -> Regression:
    """The record, saved after every look; not complete if Ctrl-C or SIGTERM cut it short."""
    found, begin = blank, monotonic()
    items = [Item(case) for case in request.cases]

    def announce(number: int, of: int) -> None:
        raise_if(interrupted)
        console.print(f"round {number} of {of}")

    try:
        with TemporaryDirectory(prefix="bench-regress-") as caches:
            setup = Setup(base, HARNESS, Path(caches), request.platform)
            for rows in judge.looks(
                *(items, request.margins, request.budget_s),
                play=partial(rounds.play, setup, Random(SEED)),
                announce=announce,
            ):
                found = replace(found, rows=rows, seconds=monotonic() - begin)
                results.save(found, path)
                console.print(f"{found.seconds:.0f} s: {counts(rows)}")
    except KeyboardInterrupt:
        return found
    found = replace(found, complete=True)
    results.save(found, path)
    return found


def counts(rows: Sequence[judge.Row]) -> str:
    """Such as "3 SAME, 1 SLOWER"."""
    return ", ".join(f"{n} {word}" for word, n in Counter(row.outcome for row in rows).items())
