"""What a long run shows while it goes on: which case of how many, the time, what came of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench.cases.case import Case
from bench.measuring.turns import Announce
from bench.records.run import CaseResult
from bench.report.units import seconds


@contextmanager
def shown(console: Console, total: int, done: int = 0) -> Iterator[Announce]:
    """A bar at the bottom, one line for every finished case above it."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )
    task = bar.add_task("starting", total=total, completed=done)

    def announce(case: Case, result: CaseResult | None) -> None:
        if result is None:
            bar.update(task, description=escape(str(case)))
            return
        bar.advance(task)
        done = int(bar.tasks[0].completed)
        elapsed = int(bar.tasks[0].elapsed or 0)
        clock = f"{elapsed // 60}:{elapsed % 60:02}"
        bar.console.print(f"[dim]{done:3}/{total} {clock}[/] {escape(str(case))}: {_says(result)}")

    with bar:
        yield announce


def _says(result: CaseResult) -> str:
    if result.status == "ok":
        return seconds(median(sample for block in result.samples_s for sample in block))
    style = "red" if result.status in ("wrong", "failed") else "yellow"
    return f"[{style}]{result.status.upper()}[/] {escape(result.reason)}"
