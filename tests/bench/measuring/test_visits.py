"""Which cases have another visit, and when a run has had enough of them."""

from dataclasses import replace

import pytest
from helpers.sample_runs import run, timed, untimed

from bench.cases.workloads import mission
from bench.measuring import visits
from bench.records.run import FEWEST_VISITS

SURE, UNSURE = timed(mission(1), "scan", 1.0), timed(mission(2), "scan", 1.0)
SURE_TOO = replace(SURE, case=replace(SURE.case, kernel="native"))
UNSURE_TOO = timed(mission(2), "native", 1.0)  # 5 % apart from scan, now more, now less
WRONG = untimed(mission(1), "pallas", "wrong", "off")
RESULTS = (SURE, SURE_TOO, WRONG, UNSURE, UNSURE_TOO)
CASES = tuple(result.case for result in RESULTS)


def measured(count, results=RESULTS, of_run=None):
    """A run of so many visits, and of cases that had them all."""
    cut = [replace(result, visits=result.visits[:count]) for result in results]
    return run(*cut, visits_s=(5.0,) * (of_run or count), seconds=5.0 * count)


def test_in_the_first_visit_all_without_a_result_are_left():
    assert visits.left(run(SURE, WRONG, visits_s=()), CASES) == [
        SURE_TOO.case,
        UNSURE.case,
        UNSURE_TOO.case,
    ]


def test_until_there_is_an_interval_every_timed_case_is_left():
    timed_cases = [case for case in CASES if case != WRONG.case]
    assert visits.left(measured(3), CASES) == timed_cases


def test_then_only_groups_whose_ratios_are_not_precise():
    assert visits.left(measured(FEWEST_VISITS), CASES) == [UNSURE.case, UNSURE_TOO.case]


def test_what_has_had_this_visit_is_not_left():
    one_more = run(
        *[replace(each, visits=(*each.visits, each.visits[0])) for each in (UNSURE, UNSURE_TOO)],
        *(SURE, SURE_TOO),
        visits_s=(5.0,) * FEWEST_VISITS,
    )
    assert visits.left(one_more, CASES) == []


@pytest.mark.parametrize(
    ("count", "budget_s", "more"),
    [
        (1, None, True),
        (FEWEST_VISITS - 1, None, True),  # though 12 seconds a problem have passed
        (FEWEST_VISITS, None, False),
        (1, 9.0, False),
        (1, 10.0, True),
        (FEWEST_VISITS, 100.0, True),
    ],
)
def test_a_run_ends_when_its_time_is_spent(count, budget_s, more):
    assert visits.another(measured(count), CASES, budget_s) == more


@pytest.mark.parametrize(("seconds", "more"), [(18.0, True), (20.0, False)])
def test_without_a_budget_it_has_twelve_seconds_a_problem(seconds, more):
    """Of two problems, by a last visit of five."""
    assert visits.another(replace(measured(FEWEST_VISITS), seconds=seconds), CASES, None) == more


def test_a_run_ends_when_all_is_precise():
    certain = measured(FEWEST_VISITS, (SURE, SURE_TOO))
    assert not visits.another(certain, CASES[:2], 100.0)
