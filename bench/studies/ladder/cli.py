"""`python -m bench ladder`: compile, climb, file, report."""

import os
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from bench.records import store
from bench.report.units import digits, percent
from bench.studies.ladder.climb import Ladder, climb
from bench.timing import host
from kernels.native import compiler


def main(command: str, report: Callable[[Path], None], *, publish: bool) -> int:
    """Climb the ladder at every shape; `report` renews the report of a machine's folder."""
    console = Console(markup=False)
    start = host.origin("ladder", command)
    climbs = climb(threads=len(os.sched_getaffinity(0)))
    ladder = Ladder(**start, target=compiler.target(), climbs=climbs)
    path = store.create(ladder, publish=publish, folder="ladder")
    for each in climbs:
        console.print(each.workload.name)
        for rung in each.measured.rungs:
            speed = f"{digits(each.flops_per_s(rung) / 1e9)} GFLOP/s"
            share = percent(ladder.share_of_peak(each, rung))
            console.print(f"  {rung.name}: {speed}, {share} of peak")
    console.print(f"Samples: {path}")
    report(path.parent.parent)
    return 0
