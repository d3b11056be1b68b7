"""Correct first: a case is compiled, run and held against the oracle before anything times it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol, runtime_checkable

from bench.cases.case import Case
from bench.cases.tolerance import tolerance
from bench.contenders import answers, registry
from bench.contenders.subject import Subject
from bench.records.run import CaseResult


@runtime_checkable
class Contenders(Protocol):
    """Who says what a case needs: `registry`, or another tree's kernels."""

    def known(self, name: str) -> bool:
        """Whether there is a kernel of this name."""

    def unsupported(self, case: Case) -> str | None:
        """Why it cannot run here, or None."""

    def emulated(self, case: Case) -> str | None:
        """Why timing it would mean nothing, or None."""

    def prepare(self, case: Case) -> Subject:
        """The case made runnable."""


def checked(
    case: Case,
    prepare: Callable[[Case], Subject] | None = None,
    contenders: Contenders = registry,
) -> tuple[CaseResult, Subject | None]:
    """The case's result as far as it goes without timing, and its program if that may be timed.

    Raises whatever the program raises.
    """
    if reason := contenders.unsupported(case):
        return CaseResult(case, "unsupported", reason), None
    subject = (prepare or contenders.prepare)(case)
    subject.judged.update(answers.known(case))
    error = subject.error(subject.call())
    answers.keep(case, subject.judged)
    opened = CaseResult(
        case,
        status="ok",
        error=error,
        tolerance=tolerance(case.workload, case.dtype, case.cell, case.phase),
        lower_s=subject.lower_s,
        compile_s=subject.compile_s,
        temporary_bytes=subject.temporary_bytes,
        variant=subject.variant,
    )
    result = judged(opened, error)
    if result.status == "ok" and (reason := contenders.emulated(case)):
        result = replace(result, status="emulated", reason=reason)
    return result, subject if result.status == "ok" else None


def judged(result: CaseResult, error: float) -> CaseResult:
    """Outside its tolerance a case is wrong and keeps no timing."""
    if error <= result.tolerance:
        return result
    reason = f"deviates by {error:.2g} from the float64 oracle; {result.tolerance:.2g} is allowed"
    return replace(result, status="wrong", reason=reason, visits=())
