"""A run in progress, as a pytest plugin: it hands out turns and keeps what they give."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Event
from time import perf_counter
from typing import Any

import pytest

from bench import contenders, device_time, results
from bench.device_time import DeviceTime
from bench.plan import BLOCKS, Case, turns
from bench.results import CaseResult, Run
from bench.subject import Subject
from bench.tolerance import tolerance
from kernels.contract import current_platform

Announce = Callable[[Case, CaseResult | None], None]


class Session:
    """Takes each case from compiling to a finished `CaseResult`, saved at once."""

    def __init__(self, run: Run, path: Path, cases: Sequence[Case], announce: Announce):
        self.run, self.path = run, path
        self.cases, self._announce = cases, announce
        self._subjects: dict[Case, Subject] = {}
        self._pending: dict[Case, CaseResult] = {}
        self._start = perf_counter()
        self.interrupted = Event()

    @property
    def finished(self) -> bool:
        """Whether every case has its result."""
        return len(self.run.cases) == len(self.cases)

    def prepare(self, case: Case, block: int) -> Subject | None:
        """The case's compiled program, or None when it is not to be timed."""
        if self.interrupted.is_set():
            raise KeyboardInterrupt
        if block == 0:
            self._announce(case, None)
            self._open(case)
        return self._subjects.get(case)

    def sampled(self, case: Case, block: int, samples: tuple[float, ...], outputs: Any) -> None:
        """Keep one block's samples; after the last, check the outputs again and finish."""
        so_far = self._pending[case]
        so_far = replace(so_far, samples_s=(*so_far.samples_s, samples))
        self._pending[case] = so_far
        if block == BLOCKS - 1:
            subject = self._subjects[case]
            after = subject.error(outputs)
            done = replace(so_far, error_after=after, device=_device_time(subject))
            self._finish(case, _judge(done, after))

    def _open(self, case: Case) -> None:
        if reason := contenders.unsupported(case):
            return self._finish(case, CaseResult(case, "unsupported", reason))
        subject = contenders.prepare(case)
        error = subject.error(subject.call())
        opened = CaseResult(
            case,
            status="ok",
            error=error,
            tolerance=tolerance(case.workload, case.dtype, case.phase),
            lower_s=subject.lower_s,
            compile_s=subject.compile_s,
            temporary_bytes=subject.temporary_bytes,
        )
        judged = _judge(opened, error)
        if judged.status == "ok" and (reason := contenders.emulated(case)):
            judged = replace(judged, status="emulated", reason=reason)
        if judged.status != "ok":
            return self._finish(case, judged)
        self._subjects[case], self._pending[case] = subject, judged

    def _finish(self, case: Case, result: CaseResult) -> None:
        self._subjects.pop(case, None)
        self._pending.pop(case, None)
        self.run = self.run.adding(result, perf_counter() - self._start)
        results.save(self.run, self.path)
        self._announce(case, result)

    # What follows is called by pytest.

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """One test for every turn."""
        metafunc.parametrize(("case", "block"), list(turns(self.cases)), ids=str)

    @pytest.fixture
    def session(self) -> "Session":
        """This very object."""
        return self

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo) -> Any:
        """A turn that raised finishes its case as failed; the run goes on."""
        report = yield
        case = item.callspec.params["case"]
        if report.failed and all(done.case != case for done in self.run.cases):
            reason = f"{call.excinfo.typename}: {call.excinfo.value}"
            self._finish(case, CaseResult(case, "failed", reason))
        return report


def _device_time(subject: Subject) -> DeviceTime | None:
    """None also where another tool holds the GPU's counters: the wall clock stands without them."""
    if current_platform() != "gpu":
        return None
    try:
        return device_time.measure(subject.call)
    except RuntimeError:
        return None


def _judge(result: CaseResult, error: float) -> CaseResult:
    """Outside its tolerance a case is wrong and keeps no timing."""
    if error <= result.tolerance:
        return result
    reason = f"deviates by {error:.2g} from the float64 oracle; {result.tolerance:.2g} is allowed"
    return replace(result, status="wrong", reason=reason, samples_s=(), device=None)
