"""`python -m bench run`: measure, show the table, keep the file."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from bench.judging.precision import MOST_BLOCKS
from bench.measuring import progress, resuming
from bench.measuring.selection import Request
from bench.measuring.session import Session
from bench.measuring.steps import Begin, Step
from bench.records import store
from bench.report import tables
from bench.timing.interrupts import ENDING, counted, remembered

SAMPLER = Path(__file__).with_name("sampling.py")
PYTEST_OPTIONS = (
    *("-c", str(Path(__file__).with_name("pytest.ini")), "--rootdir", str(Path(__file__).parent)),
    *("-p", "no:terminal", "-p", "no:cacheprovider", "--capture=no"),
    *("--benchmark-disable-gc", "--benchmark-timer=time.perf_counter", "--benchmark-quiet"),
)


Report = Callable[[Path], None]  # renews the report of a machine's folder


def run(request: Request, console: Console, report: Report, begin: Begin) -> int:
    """Measure every case and return the exit status: 1 if any is wrong, failed or impossible.

    `begin` is called before every step. Raises ResultError if there is nothing to
    measure, or no run to go on with.
    """
    request.require_cases()
    started, path = resuming.opened(request)
    begin(Step("start", path=str(path)))
    if not request.resumed:
        for name, reason in started.unavailable.items():
            console.print(f"{name}: not on this machine: {reason}", markup=False)
    with progress.shown(console, len(request.cases), len(started.cases)) as announce:
        turn_s = request.seconds / MOST_BLOCKS
        session = Session(started, path, request.cases, turn_s, request.patience_s, announce, begin)
        with remembered(session.interrupted, *ENDING):
            status = pytest.main([*PYTEST_OPTIONS, str(SAMPLER)], plugins=[session])
    if session.finished:
        session.run = replace(session.run, complete=True)
        session.saved()
    begin(Step("conclude", limit_s=300.0))
    with counted(session.interrupted, *ENDING):  # it concludes all the same
        return _conclude(session, status, console, report)


def _conclude(
    session: Session, status: int | pytest.ExitCode, console: Console, report: Report
) -> int:
    """Print what there is: all that was measured, even if it could not be saved."""
    console.print(*tables.for_terminal(session.run), sep="\n")
    if session.write_error:
        raise store.ResultError(f"{session.write_error}; the file holds what was saved before")
    console.print(f"Samples: {session.path}")
    report(session.path.parent)
    if not session.finished:
        interrupted = session.interrupted
        why = "interrupted" if interrupted else f"pytest's exit status is {int(status)}"
        console.print(f"Cut short ({why}): the file holds the cases that were finished.")
        if resuming.resumable(session.run):
            console.print("The same command with --resume goes on.")
        return interrupted.status if interrupted else 1
    wrong = any(case.status in ("wrong", "failed") for case in session.run.cases)
    return int(wrong or tables.frame(session.run).impossible.any())
