"""A run in progress, as a pytest plugin: it hands out turns and keeps what they give."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest

from bench.cases.case import Case
from bench.contenders import limits, registry
from bench.contenders.checking import judged
from bench.contenders.subject import Subject
from bench.judging import precision
from bench.judging.ceilings import merged
from bench.judging.precision import FEWEST_BLOCKS, MOST_BLOCKS
from bench.measuring import steps
from bench.measuring.steps import Begin, Step
from bench.measuring.turns import Announce, turns
from bench.records import store
from bench.records.facts import Ceilings, Conditions, DeviceTime
from bench.records.run import CaseResult, Run
from bench.timing import conditions, free_cores, gpu_trace
from bench.timing.ceilings import measure
from bench.timing.conditions import Moment
from bench.timing.interrupts import Interrupt, raise_if
from bench.workers.placement import RemoteSubject, place
from kernels.contract import current_platform


class Session:
    """Takes each case from compiling to a finished `CaseResult`, saved at once.

    A turn lasts `turn_s` seconds. The cases of a group end together, once each is precise
    or the last block is done: turns that only some of them had would not compare.
    """

    def __init__(
        self,
        run: Run,
        path: Path,
        cases: Sequence[Case],
        turn_s: float,
        patience_s: float,
        announce: Announce,
        begin: Begin,
    ):
        self.run, self.path, self.turn_s, self._patience_s = run, path, turn_s, patience_s
        self.cases, self._announce, self._begin = cases, announce, begin
        self._group: Case | None = None
        self._began: Moment | None = None  # the group's first turn
        self._subjects: dict[Case, Subject | RemoteSubject] = {}
        self._pending: dict[Case, CaseResult] = {}
        self._outputs: dict[Case, Any] = {}  # of the last turn
        self._waited: defaultdict[Case, float] = defaultdict(float)  # seconds
        self._wait = lambda: 0.0
        self._start = perf_counter() - run.seconds
        self.interrupted = Interrupt()
        self.write_error = ""  # of the file: there is no use in measuring on

    @property
    def finished(self) -> bool:
        """Whether every case has its result."""
        return len(self.run.cases) == len(self.cases)

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
            self._begin(steps.turn(case, expected_s, self.turn_s))
            self._waited[case] += self._wait()
        return subject

    def sampled(self, case: Case, samples: tuple[float, ...], outputs: Any) -> None:
        """Keep one turn's samples, and its outputs to be checked at the end."""
        so_far = self._pending[case]
        self._pending[case] = replace(so_far, samples_s=(*so_far.samples_s, samples))
        self._outputs[case] = outputs

    def failed(self, case: Case, error: BaseException) -> None:
        """Finish a case whose turn raised, unless it is finished already."""
        if all(done.case != case for done in self.run.cases):
            self._finish(case, _failure(case, error))

    def settle(self, block: int) -> None:
        """After a turn of this block: finish the group if no case of it needs another."""
        turns = {case: result.samples_s for case, result in self._pending.items()}
        if not turns or min(map(len, turns.values())) <= block or block + 1 < FEWEST_BLOCKS:
            return
        precise = {case: precision.is_precise(samples) for case, samples in turns.items()}
        if all(precise.values()) or block + 1 == MOST_BLOCKS:
            conditions = self._conditions()
            stopped = {case: "precise" if precise[case] else "budget" for case in turns}
            # All are checked before the first is saved: what one dies of must not part the group.
            ended = {case: self._concluded(case, stopped[case], conditions) for case in turns}
            for case, result in ended.items():
                self._finish(case, result)

    def _conditions(self) -> Conditions:
        """Since the group's first turn, while its first case still keeps the machine busy."""
        call = next(iter(self._subjects.values())).call
        return conditions.since(self._began, call, on_gpu=current_platform() == "gpu")

    def _concluded(self, case: Case, stopped: str, conditions: Conditions) -> CaseResult:
        """Its outputs checked again, then its timings summed up; what raises is its failure."""
        subject, sampled = self._subjects[case], self._pending[case]
        self._begin(steps.check(case, limits.expected_seconds(case)))
        try:
            error = subject.error(self._outputs[case])
            result = judged(replace(sampled, error_after=error), error)
            device = _device_time(subject.call) if result.status == "ok" else None
        except Exception as failure:
            return _failure(case, failure)
        if result.status != "ok":
            return result
        return replace(
            result,
            interval_s=precision.interval(result.samples_s),
            stopped=stopped,
            conditions=replace(conditions, waited_s=self._waited[case]),
            device=device,
        )

    def _open(self, case: Case, limit_s: float) -> None:
        result, subject = place(case, limit_s)
        if subject is None:
            return self._finish(case, result)
        self._subjects[case], self._pending[case] = subject, result

    def _finish(self, case: Case, result: CaseResult) -> None:
        for per_case in (self._subjects, self._pending, self._outputs):
            per_case.pop(case, None)
        self.run = self.run.adding(result, perf_counter() - self._start)
        if not self.saved():
            pytest.exit(self.write_error)
        self._announce(case, result)

    def saved(self) -> bool:
        """Whether the run could be written; if not, `write_error` says why."""
        try:
            store.save(self.run, self.path)
        except OSError as error:
            self.write_error = f"{self.path}: {error.strerror}"
        return not self.write_error

    # What follows is called by pytest.

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """One test for every turn of a case that has no result yet."""
        done = {result.case for result in self.run.cases}
        left = [case for case in self.cases if case not in done]
        metafunc.parametrize(("case", "block"), list(turns(left)), ids=str)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self) -> Any:
        """Ceilings before the first turn and after the last: the machine may be slow at either."""
        measured = (case for case in self.cases if not registry.unsupported(case))
        dtypes = sorted({case.dtype for case in measured})
        self._begin(Step("ceilings"))
        self.run = replace(self.run, ceilings=self._ceilings(dtypes))
        self._wait = free_cores.waiting()
        passed = yield
        if self.finished:
            self._begin(Step("ceilings"))
            self.run = replace(self.run, ceilings=self._ceilings(dtypes))
        return passed

    def _ceilings(self, dtypes: Sequence[str]) -> Ceilings:
        """Those measured before, by another process perhaps, and those of now."""
        before = self.run.ceilings
        return merged(before, measure(dtypes)) if before else measure(dtypes)

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
