"""What a long run shows while it goes on: the visit, its case of how many, time taken and left."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from bench.cases.case import Case
from bench.judging import precision
from bench.measuring.turns import Announce
from bench.records.run import FEWEST_VISITS, CaseResult, Run
from bench.report.units import seconds


@contextmanager
def shown(
    console: Console, run: Run, left: Sequence[Case], budget_s: float | None
) -> Iterator[Announce]:
    """A bar at the bottom; above it a line for every case of the first visit and every trouble."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TextColumn("{task.fields[clock]}"),
        console=console,
        transient=True,
    )
    number = run.visits + 1
    of = "" if budget_s else f" of {max(number, FEWEST_VISITS)}"
    task = bar.add_task(f"visit {number}", total=len(left), clock="")

    def announce(case: Case, result: CaseResult | None) -> None:
        elapsed = int(run.seconds + (bar.tasks[0].elapsed or 0))
        clock = _clock(elapsed, run, budget_s)
        if result is None:
            bar.update(task, description=f"visit {number}, {escape(str(case))}", clock=clock)
            return
        bar.advance(task)
        if run.visits == 0 or result.status != "ok":
            bar.console.print(f"[dim]{clock}[/] {escape(str(case))}: {_says(result)}")

    with bar:
        yield announce
    if not bar.tasks[0].remaining:
        elapsed = int(run.seconds + (bar.tasks[0].elapsed or 0))
        console.print(f"[dim]{_minutes(elapsed)}[/] visit {number}{of}")


def _clock(elapsed: int, run: Run, budget_s: float | None) -> str:
    """The time taken, and about what is left; the first visit, which compiles, does not tell."""
    if budget_s is None and not 1 < run.visits < FEWEST_VISITS:
        return _minutes(elapsed)
    expected = budget_s or sum(run.visits_s) + (FEWEST_VISITS - run.visits) * run.visits_s[-1]
    return f"{_minutes(elapsed)}, about {_minutes(max(int(expected) - elapsed, 0))} left"


def _minutes(whole: int) -> str:
    return f"{whole // 60}:{whole % 60:02}"


def _says(result: CaseResult) -> str:
    if result.status == "ok":
        return seconds(precision.seconds(result.visits[-1]))
    style = "red" if result.status in ("wrong", "failed") else "yellow"
    return f"[{style}]{result.status.upper()}[/] {escape(result.reason)}"
