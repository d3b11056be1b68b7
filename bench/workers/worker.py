"""The program of every worker: `python -P -m bench.workers.worker`, answering on standard output.

It ends when its standard input does, and is killed when its parent dies.
"""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import jax

from bench.cases.case import Case
from bench.contenders import registry
from bench.contenders.checking import Contenders, checked, judged
from bench.contenders.subject import Subject
from bench.records.run import CaseResult
from bench.timing import ceilings, clock, free_cores, host
from bench.timing.slowdown import slowed
from bench.workers import own_kernels
from bench.workers.messages import Answer, Item, Request, Start, die_with_parent, receive, send
from bench.workers.revision import Revision


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
    """Compiles, checks and times items."""

    def __init__(self, contenders: Contenders):
        self._contenders = contenders
        self._opened: dict[Case, tuple[CaseResult, Subject | None]] = {}
        self._prepared: dict[Item, Prepared] = {}
        self._calls: dict[Item, Callable[[], object]] = {}
        self._wait: Callable[[], float] | None = None

    def answer(self, request: Request) -> Answer:
        """Whatever a program raises is an answer too."""
        try:
            return getattr(self, f"_{request.what}")(request)
        except Exception as error:
            return Answer("failed", f"{type(error).__name__}: {error}")

    def _prepare(self, request: Request) -> Answer:
        item, kernel = request.item, request.item.case.kernel
        if not self._contenders.known(kernel):
            return Answer("absent", f"there is no kernel {kernel!r}")
        result, subject = self._open(item.case, request.variant)
        if subject is not None:
            self._prepared[item] = Prepared(result, subject, Program(subject))
        return Answer(result.status, result.reason, result=result)

    def _open(self, case: Case, variant: str | None) -> tuple[CaseResult, Subject | None]:
        """Items of one case share its program."""
        if case not in self._opened:
            best = partial(registry.prepare_best, variant=variant)
            prepare = None if variant is None else best
            self._opened[case] = checked(case, prepare, self._contenders)
        return self._opened[case]

    def _warm(self, request: Request) -> Answer:
        return Answer("ok", calls=clock.steady(self._prepared[request.item].program))

    def _turn(self, request: Request) -> Answer:
        if request.free_cores:
            self._wait = self._wait or free_cores.waiting()
            self._wait()
        if request.item not in self._calls:
            self._calls[request.item] = self._call(request.item)
        call = self._calls[request.item]
        return Answer("ok", seconds=clock.sample(call, request.turn_s, request.warm_s))

    def _call(self, item: Item) -> Callable[[], object]:
        """The program, slowed down on request: built in the first turn, while the other side waits.

        Beside another's work extra work would come out too large.
        """
        program = self._prepared[item].program
        return slowed(program, item.extra) if item.extra else program

    def _check(self, request: Request) -> Answer:
        item = self._prepared[request.item]
        error = item.subject.error(item.program.outputs)
        after = judged(item.result, error)
        return Answer(after.status, after.reason, error=error)

    def _ceilings(self, request: Request) -> Answer:
        return Answer("ok", ceilings=ceilings.measure(request.dtypes))

    def _forget(self, request: Request) -> Answer:
        self._opened.pop(request.item.case, None)
        for kept in (self._prepared, self._calls):
            kept.pop(request.item, None)
        return Answer("ok")


def main() -> None:
    """Answer requests until there are no more. What libraries print goes to standard error."""
    die_with_parent()
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    start = receive(Start, sys.stdin.buffer)
    if start is None:
        return
    jax.config.update("jax_platforms", start.platform)
    if start.devices > 1:
        jax.config.update("jax_num_cpu_devices", start.devices)
    jax.config.update(host.ASYNC_DISPATCH, start.async_dispatch)
    worker = Worker(_contenders(start))
    send(Answer("ok"), answers)
    while request := receive(Request, sys.stdin.buffer):
        send(worker.answer(request), answers)


def _contenders(start: Start) -> Contenders:
    if start.own:
        return own_kernels.contenders(Path(start.root), start.own)
    return Revision(Path(start.root)) if start.root else registry


if __name__ == "__main__":
    main()
