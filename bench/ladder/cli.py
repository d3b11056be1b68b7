"""`python -m bench ladder`: compile, climb, file, report."""

import os

from rich.console import Console

from bench import results
from bench.ladder.climb import Ladder, climb
from bench.report import build
from bench.units import digits, percent
from kernels.native import compiler


def main(command: str, *, publish: bool) -> int:
    """Climb the ladder at every shape."""
    console = Console(markup=False)
    start = results.origin("ladder", command)
    climbs = climb(threads=len(os.sched_getaffinity(0)))
    ladder = Ladder(**start, target=compiler.target(), climbs=climbs)
    path = results.create(ladder, publish=publish, folder="ladder")
    for each in climbs:
        console.print(each.workload.name)
        for rung in each.measured.rungs:
            speed = f"{digits(each.flops_per_s(rung) / 1e9)} GFLOP/s"
            console.print(f"  {rung.name}: {speed}, {percent(each.share_of_peak(rung))} of peak")
    console.print(f"Samples: {path}")
    console.print("Report:", *build.write(path.parent.parent))
    return 0
