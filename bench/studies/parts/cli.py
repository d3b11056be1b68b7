"""`python -m bench parts`: compile, time, file, report."""

import os
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from bench.records import store
from bench.report.units import seconds
from bench.studies.parts.measuring import WORKLOAD, Parts, measure
from bench.timing import host
from kernels.native import compiler


def main(command: str, report: Callable[[Path], None], *, publish: bool) -> int:
    """Time the parts of every cell; `report` renews the report of a machine's folder."""
    console = Console(markup=False)
    start, threads = host.origin("parts", command), len(os.sched_getaffinity(0))
    cells = measure(threads)
    made = {"target": compiler.target(), "threads": threads, "workload": WORKLOAD}
    path = store.create(Parts(**start, **made, cells=cells), publish=publish, folder="parts")
    for each in cells:
        console.print(each.cell)
        for part in each.measured.parts:
            console.print(f"  {part.name}: {seconds(part.median_s)}")
    console.print(f"Samples: {path}")
    report(path.parent.parent)
    return 0
