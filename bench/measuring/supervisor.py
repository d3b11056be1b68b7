"""A run under supervision: a child measures, and a kernel it dies of costs only its own row.

The supervisor imports no JAX. Its child says which step it is at; when it crashes, is late or
takes too much memory, that step's case is filed as failed, and another child goes on with the rest.
"""

import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic

import psutil

from bench.measuring.steps import Step
from bench.records import store
from bench.records.run import CaseResult
from bench.records.store import adapter
from bench.timing.interrupts import ENDING, Interrupt, remembered

CHILD = (sys.executable, "-m", "bench.child")
START = Step("start", limit_s=300.0)
GRACE_S = 60  # to conclude, once interrupted
POLL_S = 0.1
MEMORY_SHARE = 0.95  # of what is free at the start: beyond it the system starts killing


@dataclass(frozen=True)
class Ending:
    """How a child ended: its exit status, or what it died of and at which step."""

    step: Step
    path: str
    status: int
    reason: str = ""


def run(argv: Sequence[str], interrupt: Interrupt) -> int:
    """Measure what a command line asks for. Returns the exit status.

    After an interrupt no further child is started.
    """
    resumed, filed = "", -1
    while True:
        ending = _Child(argv, resumed, interrupt).watched()
        if not ending.reason:
            return interrupt.status if interrupt else ending.status
        where = f" of {ending.step.case}" if ending.step.case else ""
        print(f"bench: the measuring process {ending.reason}{where}", file=sys.stderr, flush=True)
        if interrupt:
            return interrupt.status
        count = _file_failure(ending)
        if ending.step.case is None or count <= filed:
            return 1
        print("bench: the run goes on without it", file=sys.stderr, flush=True)
        resumed, filed = ending.path, count


def _file_failure(ending: Ending) -> int:
    """Give the case its row; the number of rows then."""
    if not ending.path:
        return 0
    run, case = store.load(Path(ending.path)), ending.step.case
    if case is not None and all(result.case != case for result in run.cases):
        reason = f"the process {ending.reason}"
        run = replace(run, cases=(*run.cases, CaseResult(case, "failed", reason)))
        store.save(run, Path(ending.path))
    return len(run.cases)


class _Child:
    """One measuring process. In a group of its own, so that only the supervisor interrupts it."""

    def __init__(self, argv: Sequence[str], resumed: str, interrupt: Interrupt):
        self._interrupt = interrupt
        self._steps, theirs = os.pipe()
        self._process = subprocess.Popen(
            [*CHILD, str(theirs), resumed, *argv], pass_fds=[theirs], process_group=0
        )
        os.close(theirs)
        self._step, self._path, self._text = START, resumed, b""
        self._deadline, self._concluding = monotonic() + START.limit_s, False
        self._memory = MEMORY_SHARE * psutil.virtual_memory().available

    def watched(self) -> Ending:
        """Wait until it ends, or end it."""
        with remembered(self._interrupt, *ENDING), selectors.DefaultSelector() as ready:
            ready.register(self._steps, selectors.EVENT_READ)
            try:
                reason = self._watch(ready)
            finally:
                os.close(self._steps)
        status = self._process.wait()
        return Ending(self._step, self._path, abs(status), reason or self._how(status))

    def _watch(self, ready: selectors.BaseSelector) -> str:
        """Read its steps until there are no more; why it had to be ended, if it had."""
        while True:
            try:
                if ready.select(POLL_S) and not self._read():
                    return ""
                if reason := self._beyond_limits():
                    return self._killed(reason)
            except KeyboardInterrupt:
                self._interrupted()

    def _read(self) -> bool:
        """Take in what it has said; False once it has nothing more to say."""
        text = os.read(self._steps, 2**16)
        *lines, self._text = (self._text + text).split(b"\n")
        for line in lines:
            self._step = adapter(Step).validate_json(line)
            self._path = self._step.path or self._path
            if not self._concluding:
                self._deadline = monotonic() + self._step.limit_s
        return bool(text)

    def _beyond_limits(self) -> str:
        if monotonic() > self._deadline:
            limit_s = GRACE_S if self._concluding else self._step.limit_s
            return f"did not end within {limit_s:.0f} s"
        with suppress(psutil.NoSuchProcess):
            if psutil.Process(self._process.pid).memory_info().rss > self._memory:
                return f"took more than {self._memory / 2**30:.1f} GiB of memory"
        return ""

    def _killed(self, reason: str) -> str:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        return f"{reason} {self._where()}"

    def _interrupted(self) -> None:
        """Hand on an interrupt, after which the child concludes; a second one ends it at once."""
        self._deadline = monotonic() + (0 if self._concluding else GRACE_S)
        self._concluding = True
        with suppress(ProcessLookupError):
            os.kill(self._process.pid, self._interrupt.number)

    def _how(self, status: int) -> str:
        """What it died of; "" if it ended by itself."""
        if self._step.what == "done":
            return ""
        if status < 0:
            return f"was killed by {signal.Signals(-status).name} {self._where()}"
        return f"ended with status {status} {self._where()}" if self._path else ""

    def _where(self) -> str:
        return f"at the step {self._step.what!r}"
