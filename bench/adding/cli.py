"""`python -m bench adding`: train, file, judge, report."""

from rich.console import Console

from bench import results
from bench.adding.training import Training, runnable, train, verdicts
from bench.report import build


def main(command: str, *, publish: bool) -> int:
    """Train with every kernel that runs here; 1 if one disagrees or does not learn."""
    console = Console(markup=False)
    start = results.origin("adding", command)
    training = Training(**start, curves=train(runnable(), console))
    path = results.create(training, publish=publish, folder="adding")
    judged = verdicts(training)
    console.print(*(verdict.sentence for verdict in judged), sep="\n")
    console.print(f"Losses: {path}")
    console.print("Report:", *build.write(path.parent.parent))
    return int(not all(verdict.passed for verdict in judged))
