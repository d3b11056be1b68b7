"""Which cases have another visit, and when a run has had enough of them."""

from collections.abc import Iterator, Sequence

from bench.cases.case import BASELINE, Case
from bench.judging import precision
from bench.records.run import FEWEST_VISITS, CaseResult, Run

PROBLEM_S = 12.0  # of a run, for each problem: as long as further visits may go on


def left(run: Run, cases: Sequence[Case]) -> list[Case]:
    """The cases that need the run's next visit, or the one that it is in.

    In the first, those without a result. Then those that are timed, and from the one on that
    supports an interval only those of groups that are not precise.
    """
    results = {result.case: result for result in run.cases}
    if run.visits == 0:
        return [case for case in cases if case not in results]
    open_groups = set(_open_groups(run))
    return [case for case in cases if case.group in open_groups and _was_there(run, results[case])]


def _open_groups(run: Run) -> Iterator[Case]:
    groups: dict[Case, list[CaseResult]] = {}
    for result in run.cases:
        if result.status == "ok":
            groups.setdefault(result.case.group, []).append(result)
    for group, results in groups.items():
        if run.visits < FEWEST_VISITS or not _is_precise(results, run.visits):
            yield group


def _is_precise(results: Sequence[CaseResult], visits: int) -> bool:
    """By those visits that were finished."""
    if any(len(result.visits) > visits for result in results):
        return False  # the group is in this visit
    return precision.is_precise(results, BASELINE)


def _was_there(run: Run, result: CaseResult) -> bool:
    """Whether it is timed, had the visit before this one, and not yet this one."""
    return result.status == "ok" and len(result.visits) == run.visits


def another(run: Run, cases: Sequence[Case], budget_s: float | None) -> bool:
    """Whether the run has a further visit, if that takes as long as the last.

    With a budget, as many as fit. Without one as many as support an interval, and then, while some
    group is not precise, as many as PROBLEM_S allows.
    """
    if not left(run, cases):
        return False
    if budget_s is None and run.visits < FEWEST_VISITS:
        return True
    problems = len({case.group for case in cases})
    return run.seconds + run.visits_s[-1] <= (budget_s or PROBLEM_S * problems)
