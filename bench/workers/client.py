"""A worker as its parent sees it: started, sent requests, stopped while it has no turn, ended."""

import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from threading import Event, Timer
from types import TracebackType

from bench.records.store import ResultError
from bench.timing import processor
from bench.workers.messages import Answer, Request, Start, receive, send

HARNESS = Path(__file__).parents[2]  # `bench` is always this tree's: it times every revision
# -P keeps the current directory out of the search.
SEARCH_PATH = {
    "PYTHONPATH": os.pathsep.join(filter(None, (str(HARNESS), os.environ.get("PYTHONPATH"))))
}
# To answer. A native kernel may be built before a case is prepared.
START_LIMIT_S = 300
LIMITS_S = {"prepare": 900, "warm": 300, "turn": 300, "check": 900, "forget": 60, "ceilings": 60}


class WorkerDied(ResultError):
    """A worker ended, or was ended, before it answered; the message says how."""


class Client:
    """A running worker that answers in the order of the requests.

    It is stopped by a signal from each answer to the next request: libraries keep their threads
    spinning between calls, which would slow down the next turn.
    """

    def __init__(
        self,
        name: str,
        start: Start,
        environment: Mapping[str, str] | None = None,
        cores: int | None = None,
    ):
        self.name = name
        self._errors = TemporaryFile()  # noqa: SIM115 - closed by `end`
        with processor.starting_on(cores):
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "bench.workers.worker"],
                env={**os.environ, **SEARCH_PATH, **(environment or {})},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                start_new_session=True,  # Ctrl-C is for the parent, which then ends its workers
            )
        self._limits = deque([START_LIMIT_S])
        self._send(start)

    @property
    def alive(self) -> bool:
        """Whether it can still answer."""
        return self._process.poll() is None

    def ask(self, request: Request, limit_s: float | None = None) -> None:
        """Send without waiting. A worker that has gone is noticed by its missing answer.

        `limit_s` is for the answer, instead of what LIMITS_S says.
        """
        self._limits.append(limit_s or LIMITS_S[request.what] + 2 * request.turn_s)
        self._signal(signal.SIGCONT)
        self._send(request)

    def answer(self) -> Answer:
        """Wait for the next answer. Raises WorkerDied."""
        late, limit_s = Event(), self._limits.popleft()
        watchdog = Timer(limit_s, self._give_up, [late])
        watchdog.daemon = True  # an interrupt may come before it can be cancelled
        try:
            watchdog.start()
            answer = receive(Answer, self._process.stdout)
        finally:
            watchdog.cancel()
        if answer is None:
            why = f"no answer within {limit_s} s" if late.is_set() else self._exit_reason()
            raise WorkerDied(f"{self.name}: {why}")
        if not self._limits:
            self._stop()
        return answer

    def end(self) -> None:
        """Kill the worker and what it started, a compiler perhaps."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            with suppress(BrokenPipeError):  # a request to a process that has ended
                stream.close()

    def __enter__(self) -> "Client":
        """Itself: `with` ends the worker."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End it."""
        self.end()

    def _send(self, message: Start | Request) -> None:
        with suppress(BrokenPipeError):
            send(message, self._process.stdin)

    def _signal(self, number: signal.Signals) -> None:
        if self.alive:
            os.kill(self._process.pid, number)

    def _stop(self) -> None:
        """Return once it stands still; if it ends instead, that is left for `poll` to see."""
        self._signal(signal.SIGSTOP)
        with suppress(ChildProcessError):
            os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def _give_up(self, late: Event) -> None:
        late.set()
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _exit_reason(self) -> str:
        status = self._process.wait()
        how = f"killed by {signal.Signals(-status).name}" if status < 0 else f"status {status}"
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return f"its process ended ({how}): {lines[-1] if lines else 'it said nothing'}"
