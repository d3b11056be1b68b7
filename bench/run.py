"""`python -m bench run`: measure, show the table, keep the file."""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from rich.console import Console

from bench import contenders, progress, results, tables
from bench.interrupts import ENDING, remembered
from bench.plan import MOST_BLOCKS, Case, cases
from bench.report import build
from bench.results import Run
from bench.session import Session
from bench.workloads import Workload

SAMPLER = Path(__file__).with_name("sampling.py")
PYTEST_OPTIONS = (
    *("-c", str(Path(__file__).with_name("pytest.ini")), "--rootdir", str(Path(__file__).parent)),
    *("-p", "no:terminal", "-p", "no:cacheprovider", "--capture=no"),
    *("--benchmark-disable-gc", "--benchmark-timer=time.perf_counter", "--benchmark-quiet"),
)


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which cases, on this process's backend; `suite` is what their results are filed under."""

    suite: str
    workloads: tuple[Workload, ...]
    dtypes: tuple[str, ...]
    kernels: tuple[str, ...]
    phases: tuple[str, ...]
    activation: str

    @property
    def cases(self) -> tuple[Case, ...]:
        """Every case asked for, of the kernels that this machine has."""
        here = [name for name in self.kernels if contenders.unavailable(name) is None]
        return cases(self.workloads, self.dtypes, here, self.phases, self.activation)

    @property
    def unavailable(self) -> dict[str, str]:
        """The kernels asked for that this machine lacks, and why."""
        reasons = {name: contenders.unavailable(name) for name in self.kernels}
        return {name: reason for name, reason in reasons.items() if reason}

    def require_cases(self) -> None:
        """Raise ResultError if there is nothing to measure."""
        kernels: dict[str | None, dict[str, None]] = {}  # by the reason against them
        for case in self.cases:
            kernels.setdefault(contenders.unsupported(case), {})[case.kernel] = None
        if None in kernels:
            return
        for name, reason in self.unavailable.items():
            kernels.setdefault(reason, {})[name] = None
        reasons = (f"{', '.join(names)}: {reason}" for reason, names in kernels.items())
        raise results.ResultError(f"nothing to measure: {'; '.join(reasons)}")


@dataclass(frozen=True, kw_only=True)
class Request(Selection):
    """What to measure, for how long, and whether to publish it."""

    seconds: float  # of samples a case, at most; a turn has its share of them
    publish: bool
    command: str
    narrowed: tuple[str, ...]  # options by which it is less than the whole suite


def run(request: Request, console: Console) -> int:
    """Measure every case and return the exit status: 1 if any is wrong, failed or impossible."""
    request.require_cases()
    origin = results.origin(request.suite, request.command)
    origin["versions"] |= contenders.versions(request.kernels)
    blank = Run(
        **origin,
        narrowed=request.narrowed,
        unavailable=request.unavailable,
        seconds=0.0,
        complete=False,
    )
    path = results.create(blank, publish=request.publish)
    for name, reason in blank.unavailable.items():
        console.print(f"{name}: not on this machine: {reason}", markup=False)
    with progress.shown(console, len(request.cases)) as announce:
        turn_s = request.seconds / MOST_BLOCKS
        session = Session(blank, path, request.cases, turn_s, announce)
        with remembered(session.interrupted, *ENDING):
            status = pytest.main([*PYTEST_OPTIONS, str(SAMPLER)], plugins=[session])
    if session.finished:
        session.run = replace(session.run, complete=True)
        session.saved()
    return _conclude(session, status, console)


def _report(folder: Path, console: Console) -> None:
    """An older file that cannot be read spoils the report, not the run."""
    try:
        console.print("Report:", *build.write(folder))
    except (results.ResultError, OSError) as error:
        console.print(f"No report: {error}", markup=False)


def _conclude(session: Session, status: int | pytest.ExitCode, console: Console) -> int:
    """Print what there is: all that was measured, even if it could not be saved."""
    console.print(*tables.for_terminal(session.run), sep="\n")
    if session.obstacle:
        raise results.ResultError(f"{session.obstacle}; the file holds what was saved before")
    console.print(f"Samples: {session.path}")
    _report(session.path.parent, console)
    if not session.finished:
        interrupted = session.interrupted
        why = "interrupted" if interrupted else f"pytest's exit status is {int(status)}"
        console.print(f"Cut short ({why}): the file holds the cases that were finished.")
        return interrupted.status if interrupted else 1
    wrong = any(case.status in ("wrong", "failed") for case in session.run.cases)
    return int(wrong or tables.frame(session.run).impossible.any())
