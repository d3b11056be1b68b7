"""`python -m bench adding`: train, file, judge, report."""

from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from bench.records import store
from bench.studies.adding.training import Training, runnable, train, verdicts
from bench.timing import host


def main(command: str, report: Callable[[Path], None], *, publish: bool) -> int:
    """Train with every kernel that runs here; 1 if one disagrees or does not learn.

    `report` renews the report of a machine's folder.
    """
    console = Console(markup=False)
    start = host.origin("adding", command)
    training = Training(**start, curves=train(runnable(), console))
    path = store.create(training, publish=publish, folder="adding")
    judged = verdicts(training)
    console.print(*(verdict.sentence for verdict in judged), sep="\n")
    console.print(f"Losses: {path}")
    report(path.parent.parent)
    return int(not all(verdict.passed for verdict in judged))
