"""A visit in progress, as a pytest plugin: it hands out turns and keeps what they give."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest

from bench.cases.case import Case
from bench.contenders import limits, registry
from bench.contenders.checking import judged
from bench.contenders.subject import Samples, Subject
from bench.judging.ceilings import merged
from bench.measuring import steps, visits
from bench.measuring.effort import efforts
from bench.measuring.steps import Begin, Step
from bench.measuring.turns import Announce, turns
from bench.records import store
from bench.records.facts import Ceilings, Conditions, DeviceTime
from bench.records.run import FEWEST_VISITS, CaseResult, Run, Visit
from bench.timing import clock, conditions, free_cores, gpu_trace
from bench.timing.conditions import Moment
from bench.timing.interrupts import Interrupt, raise_if
from bench.workers.placement import RemoteSubject, ceilings, place
from kernels.contract import current_platform


class Session:
    """A visit: one process's turns of every case that needs them, saved group by group.

    In the first visit a case gets its result, in each further one more samples. The cases of a
    group end together: turns that only some of them had would not compare.
    """

    def __init__(
        self,
        run: Run,
        path: Path,
        cases: Sequence[Case],
        patience_s: float,
        announce: Announce,
        begin: Begin,
        variants: Mapping[Case, str],
    ):
        self.run, self.path, self._patience_s = run, path, patience_s
        self._variants = variants  # of cases without a result, where they are known
        self._cases, self._announce, self._begin = cases, announce, begin
        self._efforts = efforts(run)
        self._group: Case | None = None
        self._began: Moment | None = None  # the group's first turn
        self._second_block = 0.0  # when it began
        self._done: set[Case] = set()  # in this visit
        self._subjects: dict[Case, Subject | RemoteSubject] = {}
        self._pending: dict[Case, CaseResult] = {}
        self._turns: dict[Case, list[Samples]] = {}
        self._warm_calls: dict[Case, int] = {}
        self._outputs: dict[Case, Any] = {}  # of the last turn
        self._waited: defaultdict[Case, float] = defaultdict(float)  # seconds
        self._wait = lambda: 0.0
        self._start = perf_counter() - run.seconds
        self.interrupted = Interrupt()
        self.write_error = ""  # of the file: there is no use in measuring on

    @property
    def left(self) -> list[Case]:
        """The cases that still need this visit."""
        return visits.left(self.run, self._cases)

    def prepare(self, case: Case, block: int) -> Subject | RemoteSubject | None:
        """The case's compiled program, or None when it is not to be timed, or no more."""
        raise_if(self.interrupted)
        if case.group != self._group:
            self._group, self._began = case.group, conditions.now()
        expected_s = limits.expected_seconds(case)
        if block == 0:
            self._announce(case, None)
            step = steps.prepare(case, expected_s, self._patience_s)
            self._begin(step)
            self._open(case, step.limit_s)
        subject = self._subjects.get(case)
        if subject is not None:
            self._begin(steps.turn(case, expected_s))
            self._waited[case] += self._wait()
            if block == 0:
                self._warm_calls[case] = _warmed(subject)
        return subject

    def sampled(self, case: Case, samples: Samples, outputs: Any) -> None:
        """Keep one turn's samples, and its outputs to be checked at the end."""
        self._turns[case].append(samples)
        self._outputs[case] = outputs

    def failed(self, case: Case, error: BaseException) -> None:
        """Finish a case whose turn raised, unless it is finished already."""
        if case not in self._done:
            self._finish(_failure(case, error))

    def settle(self, block: int) -> None:
        """After a turn of this block: finish the group if no case of it has another."""
        if not self._turns or min(map(len, self._turns.values())) <= block:
            return
        if block == 0:
            self._second_block = perf_counter()
        effort = self._efforts[self._group]
        slow = block > 0 and perf_counter() - self._second_block > effort.seconds
        if slow or block + 1 == effort.blocks:
            conditions = self._conditions()
            # They are saved at once: what one dies of must not part the group.
            self._finish(*[self._concluded(case, conditions) for case in self._pending])

    def _conditions(self) -> Conditions:
        """Since the group's first turn, while its first case still keeps the machine busy."""
        call = next(iter(self._subjects.values())).call
        return conditions.since(self._began, call, on_gpu=current_platform() == "gpu")

    def _concluded(self, case: Case, conditions: Conditions) -> CaseResult:
        """Its outputs checked again, then this visit added; what raises is its failure."""
        subject, so_far = self._subjects[case], self._pending[case]
        self._begin(steps.check(case, limits.expected_seconds(case)))
        try:
            error = subject.error(self._outputs[case])
            result = judged(replace(so_far, error_after=error), error)
            device = _device_time(subject.call) if result.status == "ok" else None
        except Exception as failure:
            return _failure(case, failure)
        if result.status != "ok":
            return result
        now = replace(conditions, waited_s=self._waited[case])
        visit = Visit(tuple(self._turns[case]), self._warm_calls[case], now)
        return replace(result, visits=(*result.visits, visit), device=device)

    def _open(self, case: Case, limit_s: float) -> None:
        before = {result.case: result for result in self.run.cases}.get(case)
        variant = before.variant if before else self._variants.get(case, "")
        result, subject = place(case, limit_s, variant)
        if subject is None:
            return self._finish(result)
        self._subjects[case], self._pending[case] = subject, before or result
        self._turns[case] = []

    def _finish(self, *results: CaseResult) -> None:
        for result in results:
            self._done.add(result.case)
            for per_case in (self._subjects, self._pending, self._turns, self._outputs):
                per_case.pop(result.case, None)
        self.run = self.run.updated(results, perf_counter() - self._start)
        if not self.saved():
            pytest.exit(self.write_error)
        for result in results:
            self._announce(result.case, result)

    def saved(self) -> bool:
        """Whether the run could be written; if not, `write_error` says why."""
        try:
            store.save(self.run, self.path)
        except OSError as error:
            self.write_error = f"{self.path}: {error.strerror}"
        return not self.write_error

    # What follows is called by pytest.

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """One test for every turn of a case that needs this visit."""
        metafunc.parametrize(("case", "block"), list(turns(self.left, self._efforts)), ids=str)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self) -> Any:
        """Ceilings before the first visit and the last: the machine may be slow at either."""
        if self.run.visits in (0, FEWEST_VISITS - 1):
            self._measure_ceilings()
        self._wait = free_cores.waiting()
        return (yield)

    def _measure_ceilings(self) -> None:
        """Now, beside those that an earlier process measured."""
        measured = [case for case in self._cases if not registry.unsupported(case)]
        now: Ceilings = ()
        for cores in dict.fromkeys(case.cores for case in measured):
            self._begin(Step("ceilings"))
            now += ceilings(sorted({case.dtype for case in measured}), cores)
        before = self.run.ceilings
        self.run = replace(self.run, ceilings=merged(before, now))

    @pytest.fixture
    def session(self) -> "Session":
        """This very object."""
        return self

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo) -> Any:
        """A turn that raised finishes its case as failed; the run goes on."""
        report = yield
        case, block = item.callspec.params["case"], item.callspec.params["block"]
        if report.failed:
            self.failed(case, call.excinfo.value)
        if call.when == "call":
            self.settle(block)
        return report


def _warmed(subject: Subject | RemoteSubject) -> int:
    """Calls until it was steady."""
    return subject.warm() if isinstance(subject, RemoteSubject) else clock.steady(subject.call)


def _failure(case: Case, error: BaseException) -> CaseResult:
    return CaseResult(case, "failed", f"{type(error).__name__}: {error}")


def _device_time(call: Callable[[], object]) -> DeviceTime | None:
    """None also where another tool holds the GPU's counters: the wall clock stands without them."""
    if current_platform() != "gpu":
        return None
    try:
        return gpu_trace.measure(call)
    except RuntimeError:
        return None
