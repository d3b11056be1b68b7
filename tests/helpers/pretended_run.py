"""`bench run` of some groups that only writes what such a run might have found.

`PRETENDED` names a folder: there it notes what it does, and finds what is to go wrong, once for
each file `crash-N` or `hang-N` that it can take away.
"""

import argparse
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

import psutil
from helpers.sample_runs import run, timed

from bench.cases.suites import SUITES
from bench.records import store
from bench.records.machine import Machine
from bench.timing import processor

FOLDER = "PRETENDED"


def main(argv):
    """Note when it began and ended; in between be unlucky or file times."""
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["run"])
    parser.add_argument("--suite", required=True)
    parser.add_argument("--backend", required=True)
    parser.add_argument("--group", nargs="+", required=True)
    parser.add_argument("--out", type=Path, required=True)
    known, _ = parser.parse_known_args(argv)
    begin = time.monotonic()
    tempfile.mkdtemp()  # which it does not remove
    if _takes("hang"):
        signal.pause()
    if _takes("crash"):
        sys.exit("it crashed")
    workloads = {
        f"{workload.name} {scope}": (workload, scope)
        for workload, *_ in SUITES[known.suite].problems("cpu", None, ("relu",))
        for scope in ("recurrence", "model")
    }
    cases = []
    for group in known.group:
        workload, scope = workloads[" ".join(group.split()[:2])]
        cases += [timed(workload, "scan", 4.0, scope), timed(workload, "native", 2.0, scope)]
    store.create_at(known.out, run(*cases, suite=known.suite, machine=_machine()))
    note = f"{begin} {time.monotonic()} {'; '.join(known.group)}\n"
    (Path(os.environ[FOLDER]) / f"done-{os.getpid()}").write_text(note)


def _takes(what):
    """Whether this run is the one to which it happens."""
    for path in Path(os.environ[FOLDER]).glob(f"{what}-*"):
        try:
            path.unlink()
        except FileNotFoundError:
            continue
        return True
    return False


def _machine():
    """This one, as a node describes it, without JAX."""
    return Machine(
        backend="cpu",
        cpu=processor.describe(),
        memory_bytes=psutil.virtual_memory().total,
        gpu=None,
        os="",
        load_average=None,
        xla_flags="",
    )


if __name__ == "__main__":
    main(sys.argv[1:])
