"""`python -m bench regress`: compare, file, show, and say by the exit status whether to worry."""

import os
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from time import monotonic

from rich.console import Console

from bench.gate import bisect, looks, playing, revision, table
from bench.gate.record import Regression
from bench.gate.request import SEED, Request, counts
from bench.gate.rounds import Setup
from bench.gate.spread.rounds import Spread
from bench.judging.verdicts import Verdict
from bench.records import store
from bench.report.pages import ci_summary
from bench.timing import host
from bench.timing.interrupts import ENDING, Interrupt, raise_if, remembered
from bench.workers.messages import Item


def main(request: Request, console: Console, spread: Spread | None = None) -> int:
    """Compare the working tree with the base: 1 if anything is slower, wrong or failed.

    With `spread` rounds are played on its nodes, otherwise here.

    Raises ResultError for a base that is no revision, or a harness that cannot start its kernels.
    """
    # The device's name is read here; after that only the workers use it.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    tree = request.tree
    commit = revision.commit(tree.repository, request.base)
    interrupted = Interrupt()
    with remembered(interrupted, *ENDING), revision.unpacked(tree, commit) as base:
        empty = _empty(request, commit, spread)
        path = store.create(empty, publish=request.publish, kind="regress-")
        found = _compare(request, empty, base, path, console, interrupted, spread)
        _show(found, f"The working tree against {request.base} ({commit[:12]})", console)
        console.print(f"Times: {path}")
        if not found.complete:
            console.print("Cut short: the verdicts are those of the last look.")
            return interrupted.status
        slower = [row.item for row in found.rows if row.outcome == Verdict.SLOWER]
        if request.bisect and slower:
            announce = partial(_announce, console, interrupted)
            try:
                bisect.main(request, slower, base, console, announce)
            except KeyboardInterrupt:
                return interrupted.status
    return int(looks.failed(found.rows, strict=request.strict))


def _empty(request: Request, base: str, spread: Spread | None) -> Regression:
    origin = host.origin(request.suite, request.command)
    if spread:
        origin["machine"] = spread.nodes[0].machine
    origin["source"] = host.source(request.tree.file)
    return Regression(**origin, base=base, seconds=0.0, complete=False, rows=())


def _show(found: Regression, title: str, console: Console) -> None:
    """On the terminal, and beside a CI's log."""
    console.print(title, markup=False)
    console.print(*table.for_terminal(found.rows), sep="\n")
    ci_summary.append(title, table.sections(found.rows))


def _announce(console: Console, interrupted: Interrupt, number: int, of: int) -> None:
    raise_if(interrupted)
    console.print(f"round {number} of {of}")


def _compare(
    request: Request,
    empty: Regression,
    base: Path,
    path: Path,
    console: Console,
    interrupted: Interrupt,
    spread: Spread | None,
) -> Regression:
    """The record, saved after every look; not complete if Ctrl-C or SIGTERM cut it short."""
    found, begin = empty, monotonic()
    items = [Item(case) for case in request.cases]

    try:
        with TemporaryDirectory(prefix="bench-regress-") as caches:
            tree = request.tree
            setup = Setup(base, tree.root, Path(caches), request.platform, tree.own)
            announce = partial(_announce, console, interrupted)
            for rows in playing.results(request, items, setup, Random(SEED), announce, spread):
                found = replace(found, rows=rows, seconds=monotonic() - begin)
                store.save(found, path)
                console.print(f"{found.seconds:.0f} s: {counts(rows)}")
    except KeyboardInterrupt:
        return found
    found = replace(found, complete=True)
    store.save(found, path)
    return found
