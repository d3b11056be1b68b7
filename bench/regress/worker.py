"""A process of one side: `python -P -m bench.regress.worker`, answering on standard output.

It ends when its standard input does, so that none outlives the gate, however that ends.
"""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import jax

import kernels
import reference
from bench import contenders, cores
from bench.checking import checked, judged
from bench.plan import Case
from bench.regress.planted import slowed
from bench.regress.protocol import Answer, Job, Request, receive, send
from bench.regress.turn import turn
from bench.results import CaseResult
from bench.subject import Subject
from kernels.registry import KERNELS


class Program:
    """What is timed: the subject's call, which leaves its outputs to be checked."""

    def __init__(self, subject: Subject):
        self._call, self.outputs = subject.call, None

    def __call__(self) -> None:
        self.outputs = self._call()


@dataclass(frozen=True, eq=False)
class Prepared:
    """An item that may be timed."""

    result: CaseResult
    subject: Subject
    program: Program


class Worker:
    """Compiles, checks and times the items of one job."""

    def __init__(self, job: Job):
        self._items = job.items
        self._opened: dict[Case, tuple[CaseResult, Subject | None]] = {}
        self._prepared: dict[int, Prepared] = {}
        self._calls: dict[int, Callable[[], object]] = {}
        self._wait = cores.waiting()

    def answer(self, request: Request) -> Answer:
        """Whatever a program raises is an answer too."""
        try:
            return getattr(self, f"_{request.what}")(request.index)
        except Exception as error:
            return Answer("failed", f"{type(error).__name__}: {error}")

    def _prepare(self, index: int) -> Answer:
        item = self._items[index]
        if item.case.kernel not in KERNELS:
            return Answer("absent", f"there is no kernel {item.case.kernel!r}")
        if reason := contenders.unavailable(item.case.kernel):
            return Answer("unsupported", reason)
        result, subject = self._open(item.case)
        if subject is not None:
            self._prepared[index] = Prepared(result, subject, Program(subject))
        return Answer(result.status, result.reason)

    def _open(self, case: Case) -> tuple[CaseResult, Subject | None]:
        """Items of one case share its program."""
        if case not in self._opened:
            self._opened[case] = checked(case)
        return self._opened[case]

    def _turn(self, index: int) -> Answer:
        self._wait()
        if index not in self._calls:
            self._calls[index] = self._call(index)
        return Answer("ok", seconds=turn(self._calls[index]))

    def _call(self, index: int) -> Callable[[], object]:
        """The program, slowed if it is to be: made in the first turn, while the other side waits.

        Beside another's work extra work would come out too large.
        """
        program, extra = self._prepared[index].program, self._items[index].extra
        return slowed(program, extra) if extra else program

    def _check(self, index: int) -> Answer:
        item = self._prepared[index]
        after = judged(item.result, item.subject.error(item.program.outputs))
        return Answer(after.status, after.reason)


def main() -> None:
    """Answer requests until there are no more. What libraries print goes to standard error."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    job = receive(Job, sys.stdin.buffer)
    if job is None:
        return
    _refuse_strangers(Path(job.root))
    jax.config.update("jax_platforms", job.platform)
    worker = Worker(job)
    send(Answer("ok"), answers)
    while request := receive(Request, sys.stdin.buffer):
        send(worker.answer(request), answers)


def _refuse_strangers(root: Path) -> None:
    """An installed copy must not pass for this side's own."""
    for package in (kernels, reference):
        if not Path(package.__file__).is_relative_to(root):
            sys.exit(f"{package.__name__} was imported from {package.__file__}, not from {root}")


if __name__ == "__main__":
    main()
