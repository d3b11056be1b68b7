"""`python -m bench turns`: both experiments, filed one after the other."""

from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from bench.records import store
from bench.records.run import Origin
from bench.studies.turns import cold, disturbed
from bench.studies.turns.record import ColdStarts, Disturbed
from bench.timing import host


def main(command: str, report: Callable[[Path], None], *, publish: bool) -> int:
    """Measure what makes turns differ; `report` renews the report of a machine's folder."""
    disturbed.waited_s()  # where it cannot be known, that is said at once
    console = Console(markup=False)
    with console.status("first calls in new processes"):
        start = host.origin("cold", command)
        path = _filed(ColdStarts(**start, starts=tuple(cold.starts())), publish)
    console.print(f"Samples: {path}")
    with console.status("visits beside another process"):
        start = host.origin("disturbed", command)
        path = _filed(Disturbed(**start, visits=tuple(disturbed.visits())), publish)
    console.print(f"Samples: {path}")
    report(path.parent.parent)
    return 0


def _filed(result: Origin, publish: bool) -> Path:
    return store.create(result, publish=publish, folder=result.suite)
