"""The gate's end of a worker process."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from threading import Event, Timer
from typing import IO

from bench.regress.protocol import Answer, Job, Request, receive, send
from bench.results import ResultError

HARNESS = Path(__file__).parents[2]  # the head's: it times both sides
ANSWER_LIMIT_S = 900  # a native kernel may be built first


class Died(ResultError):
    """A worker ended, or was ended, before it answered; the message says how."""


@dataclass(frozen=True, eq=False)
class Side:
    """A running worker that answers in the order of the requests."""

    name: str
    process: subprocess.Popen
    errors: IO[bytes]

    def ask(self, request: Request | Job) -> None:
        """Send without waiting. A worker that has gone is noticed by its missing answer."""
        try:
            send(request, self.process.stdin)
        except BrokenPipeError:
            return

    def answer(self) -> Answer:
        """Wait for the next answer. Raises Died."""
        late = Event()
        watchdog = Timer(ANSWER_LIMIT_S, self._give_up, [late])
        watchdog.start()
        try:
            answer = receive(Answer, self.process.stdout)
        finally:
            watchdog.cancel()
        if answer is None:
            raise Died(f"{self.name}: {self._last_words(late.is_set())}")
        return answer

    def _give_up(self, late: Event) -> None:
        late.set()
        _end(self.process)

    def _last_words(self, late: bool) -> str:
        if late:
            return f"no answer within {ANSWER_LIMIT_S} s"
        status = self.process.wait()
        how = f"killed by {signal.Signals(-status).name}" if status < 0 else f"status {status}"
        self.errors.seek(0)
        lines = self.errors.read().decode(errors="replace").strip().splitlines()
        return f"its process ended ({how}): {lines[-1] if lines else 'it said nothing'}"


@contextmanager
def running(name: str, job: Job, cache: Path) -> Iterator[Side]:
    """A worker with this job, ended on leaving with all that it started.

    Programs that it compiles are kept in `cache`, which must be this side's own.
    """
    with TemporaryFile() as errors:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "bench.regress.worker"],
            env=_environment(job, cache),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,  # Ctrl-C is for the gate, which then ends its workers
        )
        try:
            side = Side(name, process, errors)
            side.ask(job)
            yield side
        finally:
            _end(process)
            for stream in (process.stdin, process.stdout):
                with suppress(BrokenPipeError):  # a question that nobody is left to read
                    stream.close()


def _environment(job: Job, cache: Path) -> dict[str, str]:
    """`kernels` and `reference` come from the job's root, all else from the head's tree.

    A base's root holds no `bench`, and -P keeps the current directory out of the search. Compiling
    for a CPU gives the same program every time, so it is done once; for a GPU it is a draw (XLA
    times candidates), which every round must make again. The oracle has one thread, for a library's
    idle threads spin a while, which the other side's turn would suffer from.
    """
    path = filter(None, (job.root, str(HARNESS), os.environ.get("PYTHONPATH")))
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path),
        "OPENBLAS_NUM_THREADS": "1",
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",  # two processes share a GPU
        "JAX_ENABLE_COMPILATION_CACHE": str(job.platform == "cpu").lower(),
        "JAX_COMPILATION_CACHE_DIR": str(cache),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }


def _end(process: subprocess.Popen) -> None:
    """Kill the worker and what it started, a compiler perhaps."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
