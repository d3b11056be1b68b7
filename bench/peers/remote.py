"""A peer in a process of its own, stopped while it is not its turn.

Libraries keep their threads spinning between calls, which halves the speed of every other library
in the process, and on a machine of few cores in any process. So on a CPU each such peer has one
process, which is stopped by a signal between its turns: then it runs at its best and disturbs
nobody. It times its own calls, in rounds like those that time ours, for a round trip between
processes is longer than a short call.
"""

import atexit
import ctypes
import os
import signal
from collections.abc import Callable
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

import jax

from bench import rounds
from bench.peers.contract import Outputs, Runnable, pairs
from bench.plan import Case
from bench.subject import Samples, Subject

Build = Callable[[Case], Runnable]
SET_SIGNAL_OF_PARENTS_DEATH = 1  # of prctl(2)


class RemoteError(Exception):
    """What a peer's process raised, or that it is gone."""


class Worker:
    """One peer's process. It holds one case at a time, the last that was built."""

    def __init__(self, build: Build):
        spawning = get_context("spawn")
        self._pipe, theirs = spawning.Pipe()
        self._process = spawning.Process(target=_serve, args=(build, theirs), daemon=True)
        self._process.start()
        theirs.close()
        atexit.register(self._process.kill)  # a stopped process hears no other signal

    @property
    def alive(self) -> bool:
        """Whether it still answers."""
        return self._process.is_alive()

    def subject(self, case: Case) -> Subject:
        """The case built there. Raises RemoteError with what the library raised."""
        made_s = self._ask("build", case)
        return Subject(
            call=partial(self._ask, "call"),
            pairs=partial(pairs, case),
            compile_s=made_s,
            sample=partial(self._ask, "sample"),
        )

    def _ask(self, method: str, *arguments: object) -> Any:
        try:
            os.kill(self._process.pid, signal.SIGCONT)
            self._pipe.send((method, arguments))
            answered, answer = self._pipe.recv()
            self._stop()
        except (EOFError, OSError) as error:
            self._process.kill()
            self._process.join()
            raise RemoteError("the peer's process is gone") from error
        if not answered:
            raise RemoteError(answer)
        return answer

    def _stop(self) -> None:
        """Return once it stands still; what is waited for is left for `multiprocessing` to see."""
        os.kill(self._process.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)


_workers: dict[Build, Worker] = {}


def prepare(build: Build, case: Case) -> Subject:
    """The case built by the process that this function has to itself; a dead one is replaced."""
    if build not in _workers or not _workers[build].alive:
        _workers[build] = Worker(build)
    return _workers[build].subject(case)


# What follows runs in the peer's process.


def _serve(build: Build, pipe: Connection) -> None:
    """Answer until the other end is gone; then, or when the parent is killed, end."""
    ctypes.CDLL(None).prctl(SET_SIGNAL_OF_PARENTS_DEATH, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent concludes, and ends this process
    jax.config.update("jax_platforms", "cpu")  # inputs are drawn here too
    held = _Held(build)
    while True:
        try:
            method, arguments = pipe.recv()
        except EOFError:
            return
        try:
            pipe.send((True, getattr(held, method)(*arguments)))
        except Exception as error:
            pipe.send((False, f"{type(error).__name__}: {error}"))


class _Held:
    """The case that the process holds: what the parent may ask of it."""

    def __init__(self, build: Build):
        self._build = build

    def build(self, case: Case) -> float | None:
        self._made = None  # give its memory back first
        self._made = self._build(case)
        return self._made.made_s

    def call(self) -> Outputs:
        return self._made.outputs(self._made.call())

    def sample(self, turn_s: float) -> tuple[Samples, Outputs]:
        samples, results = rounds.sample(self._made.call, turn_s)
        return samples, self._made.outputs(results)
