"""One visit of `python -m bench run`: measure, keep the file, and after the last show the table."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from bench.judging.advice import advice
from bench.measuring import progress, resuming, visits
from bench.measuring.selection import Request
from bench.measuring.session import Session
from bench.measuring.steps import Begin, Step
from bench.records import choices, store
from bench.report import tables
from bench.report.parts import answer
from bench.timing.interrupts import ENDING, counted, remembered

SAMPLER = Path(__file__).with_name("sampling.py")
PYTEST_OPTIONS = (
    *("-c", str(Path(__file__).with_name("pytest.ini")), "--rootdir", str(Path(__file__).parent)),
    *("-p", "no:terminal", "-p", "no:cacheprovider", "--capture=no"),
    *("--benchmark-disable-gc", "--benchmark-timer=time.perf_counter", "--benchmark-quiet"),
)


Report = Callable[[Path], None]  # renews the report of a machine's folder


def run(request: Request, console: Console, report: Report, begin: Begin) -> Step:
    """Measure every case once more. The last step says the exit status, and whether there is more.

    The status is 1 if any case is wrong, failed or impossible. `begin` is called before every other
    step. Raises ResultError if there is nothing to measure, or no run to go on with.
    """
    request.require_cases()
    started, path = resuming.opened(request)
    begin(Step("start", path=str(path)))
    if not request.resumed:
        for name, reason in started.unavailable.items():
            console.print(f"{name}: not on this machine: {reason}", markup=False)
    variants = choices.chosen(started, request.cases) if started.visits == 0 else {}
    left = visits.left(started, request.cases)
    with progress.shown(console, started, left, request.budget_s) as announce:
        session = Session(
            started, path, request.cases, request.patience_s, announce, begin, variants
        )
        with remembered(session.interrupted, *ENDING):
            status = pytest.main([*PYTEST_OPTIONS, str(SAMPLER)], plugins=[session])
    finished = not session.left
    if finished:
        last_s = session.run.seconds - sum(started.visits_s)
        session.run = replace(session.run, visits_s=(*started.visits_s, last_s))
        more = visits.another(session.run, request.cases, request.budget_s)
        session.run = replace(session.run, complete=not more)
        if session.saved() and more and not session.interrupted:
            return Step("done", more=True)
    begin(Step("conclude", limit_s=300.0))
    with counted(session.interrupted, *ENDING):  # it concludes all the same
        own_file = request.out is not None
        return Step("done", status=_conclude(session, status, console, report, own_file=own_file))


def _conclude(
    session: Session,
    status: int | pytest.ExitCode,
    console: Console,
    report: Report,
    *,
    own_file: bool,
) -> int:
    """Print what there is: all that was measured, even if it could not be saved."""
    console.print(*tables.for_terminal(session.run), sep="\n")
    for line in answer.lines(session.run):
        console.print(line, markup=False)
    if session.write_error:
        raise store.ResultError(f"{session.write_error}; the file holds what was saved before")
    for sentence in advice(session.run):
        console.print(f"For steadier times: {sentence}", markup=False)
    console.print(f"Samples: {session.path}")
    if session.run.harness is None and not own_file:  # a report is of this tree
        report(session.path.parent)
    if not session.run.complete:
        interrupted = session.interrupted
        why = "interrupted" if interrupted else f"pytest's exit status is {int(status)}"
        console.print(f"Cut short ({why}): the file holds what was finished.")
        if resuming.resumable(session.run) and not own_file:
            console.print("The same command with --resume goes on.")
        return interrupted.status if interrupted else 1
    wrong = any(case.status in ("wrong", "failed") for case in session.run.cases)
    return int(wrong or tables.frame(session.run).impossible.any())
