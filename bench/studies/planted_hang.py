"""A run in which a kernel hangs, in a campaign's dry run: `python -m bench.studies.planted_hang`.

Exit status 0 if that cost the kernel's own rows and no others.
"""

import ctypes
import runpy
import sys
from collections.abc import Sequence
from dataclasses import replace

from bench.measuring import supervisor
from bench.records import store
from bench.timing.interrupts import Interrupt
from kernels.registry import KERNELS

HANGING = "unrolled"
SELF = ("-m", "bench.studies.planted_hang")


def main(argv: Sequence[str]) -> int:
    """Supervise the run of this command line."""
    supervisor.CHILD = (*SELF, "--child")
    supervisor.run(argv, Interrupt())
    newest = max(store.ROOT.glob(f"**/{store.FILES}"), key=lambda path: path.stat().st_mtime)
    run = store.load(newest)
    lost = {result.case.kernel for result in run.cases if result.status == "failed"}
    print(f"lost: {', '.join(lost) or 'nothing'}; of {len(run.cases)} rows in {newest}")
    return int(not run.complete or lost != {HANGING})


def hang(*arrays: object, **options: object) -> None:
    """Wait without end, where Python cannot be interrupted."""
    while True:
        ctypes.PyDLL(None).pause()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        KERNELS[HANGING] = replace(KERNELS[HANGING], forward=hang)
        del sys.argv[1]
        runpy.run_module("bench.child", run_name="__main__", alter_sys=True)  # above this room
    else:
        sys.exit(main(sys.argv[1:]))
