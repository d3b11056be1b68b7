"""`python -m bench parts`: compile, time, file, report."""

import os
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from bench.cases.workloads import Workload
from bench.records import store
from bench.report.units import seconds
from bench.studies.parts.measuring import WORKLOAD, Parts, measure
from bench.timing import host
from kernels.native import compiler


def main(
    command: str, report: Callable[[Path], None], *, publish: bool, shape: Workload | None
) -> int:
    """Time the parts of every cell; `report` renews the report of a machine's folder.

    Without a shape, of the mission's.
    """
    console, workload = Console(markup=False), shape or WORKLOAD
    suite = f"parts-shape-{shape.name}" if shape else "parts"
    start, threads = host.origin(suite, command), len(os.sched_getaffinity(0))
    cells = measure(workload, threads)
    made = {"target": compiler.target(), "threads": threads, "workload": workload}
    path = store.create(Parts(**start, **made, cells=cells), publish=publish, folder="parts")
    for each in cells:
        console.print(each.cell)
        for part in each.measured.parts:
            console.print(f"  {part.name}: {seconds(part.median_s)}")
    console.print(f"Samples: {path}")
    report(path.parent.parent)
    return 0
