"""`python -m bench dealing`: deal to simulated nodes, file, report."""

from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from bench.records import store
from bench.studies.dealing.growth import LOSING, Growth, measure
from bench.timing import host


def main(command: str, report: Callable[[Path], None], *, publish: bool) -> int:
    """Fleets of every size; `report` renews the report of a machine's folder."""
    console, start = Console(markup=False), host.origin("dealing", command)
    fleets = []
    for each in measure():
        fleets.append(each)
        console.print(f"{each.nodes} nodes, {each.groups} problems: {each.dealing_s:.2f} s")
    growth = Growth(**start, losing=LOSING, fleets=tuple(fleets))
    path = store.create(growth, publish=publish, folder="dealing")
    console.print(f"Fleets: {path}")
    report(path.parent.parent)
    return 0
