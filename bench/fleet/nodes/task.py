"""What runs on a node: commands in processes of their own, which end with the task."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

from bench.records.store import LARGEST_FILE
from bench.timing import host, quiet

SET_BY_RAY = {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}  # one thread, no GPU
CHILD = "bench.fleet.nodes.child"
SCRATCH = "recurrent-kernels-task-"  # how the names of tasks' folders begin
LONGEST_REASON = 300  # characters


class TaskError(Exception):
    """A command that gave no result; the message is its last line."""


def described(name: str) -> list[bytes]:
    """The node on each of its backends, as JSON."""
    return [output("bench.fleet.nodes.describe", name, backend) for backend in host.backends()]


def measured(
    module: str, words: Sequence[str], backend: str, groups: Sequence[str], limit_s: float
) -> bytes:
    """The text of the result file of these groups, measured while nothing else is here.

    `module` is what Python runs, with `words` of `bench run`. Raises TaskError, also if that takes
    longer than `limit_s`.
    """
    with quiet.alone(), _scratch() as folder:
        quiet.wait()
        out = folder / "run.json"
        which = ("--backend", backend, "--group", *groups, "--out", str(out))
        said = _run(module, "run", *words, *which, limit_s=limit_s, TMPDIR=str(folder)).stderr
        if not out.exists():
            raise TaskError(_last_line(said))
        if out.stat().st_size > LARGEST_FILE:
            raise TaskError(f"its file is larger than any result file ({LARGEST_FILE} bytes)")
        return out.read_bytes()


@contextmanager
def _scratch() -> Iterator[Path]:
    """A folder for whatever a task leaves, after those of tasks that were killed are removed.

    Nobody else's: one task at a time is on the machine.
    """
    for left in Path(gettempdir()).glob(f"{SCRATCH}*"):
        shutil.rmtree(left, ignore_errors=True)
    with TemporaryDirectory(prefix=SCRATCH) as folder:
        yield Path(folder)


def output(module: str, *words: str, given: bytes = b"", limit_s: float | None = None) -> bytes:
    """What a module prints that is `given` this on standard input. Raises TaskError if it fails."""
    done = _run(module, *words, given=given, limit_s=limit_s)
    if done.returncode:
        raise TaskError(_last_line(done.stderr))
    return done.stdout


def _run(
    module: str, *words: str, given: bytes = b"", limit_s: float | None = None, **variables: str
) -> subprocess.CompletedProcess[bytes]:
    """Whatever ends this process ends that one, which ends those that it has started."""
    try:
        return subprocess.run(
            [sys.executable, "-P", "-m", CHILD, module, *words],
            env=_environment() | variables,
            input=given,
            capture_output=True,
            timeout=limit_s,
        )
    except subprocess.TimeoutExpired:
        raise TaskError(f"it did not end within {limit_s:.0f} s") from None


def _environment() -> dict[str, str]:
    """This worker's, with the packages that were sent to it and without what Ray set for it."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    others = {name: value for name, value in own.items() if SET_BY_RAY.get(name) != value}
    return others | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def _last_line(said: bytes) -> str:
    lines = said.decode(errors="replace").strip().splitlines()
    return (lines[-1] if lines else "it said nothing")[-LONGEST_REASON:]
