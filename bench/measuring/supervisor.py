"""A run under supervision: children measure, and a kernel that one dies of costs its own row.

The supervisor imports no JAX. Each visit of the run is a child, which says at which step it is;
when it crashes, is late or takes too much memory, that step's case is filed as failed, and another
child goes on with the rest.
"""

import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

import psutil

from bench.cases import orthogonal
from bench.contenders import answers
from bench.measuring.steps import Step
from bench.records import store
from bench.records.run import CaseResult
from bench.records.store import adapter
from bench.timing.interrupts import ENDING, Interrupt, counted

CHILD = ("-m", "bench.child")
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
    more: bool
    reason: str = ""


@dataclass(frozen=True)
class Command:
    """The words of a run, with variables and the Python that its children are to have."""

    words: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    python: str = sys.executable


def run(
    argv: Sequence[str], interrupt: Interrupt, environment: Mapping[str, str] | None = None
) -> int:
    """Measure what a command line asks for. Returns the exit status.

    After an interrupt no further child is started. `environment`: variables more for each.
    """
    return interleaved([Command(argv, environment or {})], interrupt)


def interleaved(commands: Sequence[Command], interrupt: Interrupt) -> int:
    """Runs that take turns, a visit each, every other time in the opposite order.

    So a drift of the machine is in all of them. Returns the highest exit status.
    """
    with counted(interrupt, *ENDING), ExitStack() as scratch:
        folders = (scratch.enter_context(TemporaryDirectory(prefix="bench-")) for _ in commands)
        runs = [_Run(*each) for each in zip(commands, map(Path, folders), strict=True)]
        while left := [each for each in runs if each.status is None]:
            for each in left:
                each.visit(interrupt)
                if interrupt:
                    return interrupt.status
            runs.reverse()
        return max(each.status for each in runs)


@dataclass
class _Run:
    """A run so far: the file it goes on with, and its exit status once it has ended."""

    command: Command
    scratch: Path
    resumed: str = ""
    status: int | None = None

    def visit(self, interrupt: Interrupt) -> None:
        """One child more."""
        variables = _shared(self.scratch) | dict(self.command.environment)
        child = _Child(self.command, self.resumed, variables, interrupt)
        ending = child.watched()
        if ending.reason:
            _say(f"the measuring process {ending.reason}", ending)
        if interrupt:
            return
        self.resumed = ending.path
        if not ending.more:
            self.status = self._ended(ending)

    def _ended(self, ending: Ending) -> int | None:
        """None if the run goes on without what the child died of."""
        if not ending.reason:
            return ending.status
        if not _filed(ending):
            return 1
        _say("the run goes on without it", ending)
        return None


def _shared(scratch: Path) -> dict[str, str]:
    """What tells the children of a run where they find each other's programs, checks and matrices.

    The cache is empty when the run begins, so that its first visit tells what compiling takes.
    """
    shared = {
        "JAX_COMPILATION_CACHE_DIR": scratch / "programs",
        answers.FOLDER: scratch / "answers",
        orthogonal.FOLDER: scratch / "matrices",
    }
    everything = {
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }
    return {name: str(folder) for name, folder in shared.items()} | everything


def _say(what: str, ending: Ending) -> None:
    """On the terminal, which a killed child may have left without a cursor, in a bar's line."""
    if sys.stdout.isatty():
        print("\r\x1b[2K\x1b[?25h", end="", flush=True)
    where = f" ({ending.step.case or ending.path})" if ending.path else ""
    print(f"bench: {what}{where}", file=sys.stderr, flush=True)


def _filed(ending: Ending) -> bool:
    """Give the case its row; whether it had no such row before."""
    case = ending.step.case
    if case is None:
        return False
    run = store.load(Path(ending.path))
    if any(result.case == case and result.status == "failed" for result in run.cases):
        return False
    failed = CaseResult(case, "failed", f"the process {ending.reason}")
    store.save(run.updated([failed], run.seconds), Path(ending.path))
    return True


class _Child:
    """One measuring process. In a group of its own, so that only the supervisor interrupts it."""

    def __init__(
        self,
        command: Command,
        resumed: str,
        environment: Mapping[str, str],
        interrupt: Interrupt,
    ):
        self._interrupt, self._seen = interrupt, interrupt.count
        self._steps, theirs = os.pipe()
        self._process = subprocess.Popen(
            [command.python, *CHILD, str(theirs), resumed, *command.words],
            pass_fds=[theirs],
            process_group=0,
            env=os.environ | environment,
        )
        os.close(theirs)
        self._step, self._path, self._text = START, resumed, b""
        self._deadline, self._concluding = monotonic() + START.limit_s, False
        self._memory = MEMORY_SHARE * psutil.virtual_memory().available

    def watched(self) -> Ending:
        """Wait until it ends, or end it."""
        with selectors.DefaultSelector() as ready:
            ready.register(self._steps, selectors.EVENT_READ)
            reason = self._watch(ready)
        os.close(self._steps)
        status = self._wait()
        done = self._step.what == "done"
        reason = reason or ("" if done else self._how(status))
        status, more = (self._step.status, self._step.more) if done else (1, False)
        return Ending(self._step, self._path, status, more and not reason, reason)

    def _watch(self, ready: selectors.BaseSelector) -> str:
        """Read its steps until there are no more; why it had to be ended, if it had."""
        while True:
            if ready.select(POLL_S) and not self._read():
                return ""
            if reason := self._ended_by_interrupt() or self._beyond_limits():
                self._kill()
                return f"{reason} {self._where()}"

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

    def _ended_by_interrupt(self) -> str:
        """Hand on an interrupt, after which the child concludes; a second one ends it at once."""
        if self._interrupt.count == self._seen:
            return ""
        self._seen = self._interrupt.count
        if self._concluding:
            return "was ended by a second interrupt"
        self._deadline, self._concluding = monotonic() + GRACE_S, True
        with suppress(ProcessLookupError):
            os.kill(self._process.pid, self._interrupt.number)
        return ""

    def _beyond_limits(self) -> str:
        if monotonic() > self._deadline:
            limit_s = GRACE_S if self._concluding else self._step.limit_s
            return f"did not end within {limit_s:.0f} s"
        if self._bytes() > self._memory:
            return f"took more than {self._memory / 2**30:.1f} GiB of memory"
        return ""

    def _bytes(self) -> int:
        """Memory of the child and of the peers' processes that it has started."""
        with suppress(psutil.NoSuchProcess):
            child = psutil.Process(self._process.pid)
            return sum(each.memory_info().rss for each in (child, *child.children()))
        return 0

    def _wait(self) -> int:
        """Its exit status; it has a while to end after its last step."""
        try:
            return self._process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            self._kill()
            return self._process.wait()

    def _kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _how(self, status: int) -> str:
        """What it died of, before it was done."""
        if status < 0:
            return f"was killed by {signal.Signals(-status).name} {self._where()}"
        return f"ended with status {status} {self._where()}"

    def _where(self) -> str:
        return f"at the step {self._step.what!r}"
