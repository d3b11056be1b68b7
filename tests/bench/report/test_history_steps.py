"""Change points: found where they are, and seldom where there are none."""

from math import log1p

import numpy as np
import pytest
from scipy import stats

from bench.cases.case import Case
from bench.cases.workloads import mission
from bench.judging.proportions import bounds
from bench.report.history import rates, steps
from bench.report.history.series import Point, Series
from bench.report.history.steps import Step

MARGIN = 0.05


def noise(count, seed=3, sd=0.02):
    return np.random.default_rng(seed).normal(0, sd, count)


def places(levels, margin=MARGIN):
    return [step.at for step in steps.found(np.asarray(levels), margin)]


@pytest.mark.parametrize("size", [0.2, -0.2])
@pytest.mark.parametrize("at", [3, 10, 17])
def test_a_step_is_found_in_its_place(at, size):
    levels = noise(20)
    levels[at:] += log1p(size)
    (step,) = steps.found(levels, MARGIN)
    assert step.at == at
    assert step.interval.low < log1p(size) < step.interval.high


def test_a_step_that_is_taken_back_is_two():
    levels = noise(20)
    levels[8:12] += log1p(0.2)
    assert places(levels) == [8, 12]


def test_what_is_no_larger_than_the_margin_is_none():
    levels = noise(20, sd=1e-3)
    levels[10:] += log1p(0.09)
    assert places(levels) == [10] and places(levels, 0.10) == []


def test_fewer_than_three_runs_are_no_level():
    levels = noise(20)
    levels[-2:] += log1p(0.3)
    assert 18 not in places(levels)
    assert places([0.0, 0.01, 1.0, 1.01, 1.0]) == []


def test_equal_levels_have_no_step_and_exact_ones_do():
    assert places([0.0] * 10) == []
    assert places([0.0] * 5 + [1.0] * 5) == [5]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("noise", [0.0, 1e-17, 1e-12])
def test_levels_that_are_equal_or_nearly_so_are_judged_without_a_warning(noise):
    """Whatever they are, on one side of a step or on both."""
    equal, nearly = np.full(5, 0.1), 0.1 + noise * np.arange(5)
    assert places([*equal, *nearly]) == []
    (step,) = steps.found(np.array([*equal, *(nearly + 1)]), MARGIN)
    assert (step.at, step.interval.estimate) == (5, pytest.approx(1))
    assert 0 < step.interval.high - step.interval.low < 1e-9
    assert places([*equal, *(1 + np.array([0.01, -0.01, 0.02, 0.0, 0.01]))]) == [5]


def test_chance_and_interval_are_those_of_a_t_test():
    before, after = noise(4, 1), noise(7, 2) + 0.1
    step = Step(4, tuple(before.tolist()), tuple(after.tolist()))
    test = stats.ttest_ind(after, before)
    assert step.chance == pytest.approx(test.pvalue)
    ends = test.confidence_interval(0.95)
    assert (step.interval.low, step.interval.high) == pytest.approx((ends.low, ends.high))


def test_a_series_without_steps_has_one_marked_as_seldom_as_promised():
    false_alarms = [each for each in rates.simulated() if "any step" in each.what]
    assert len(false_alarms) == len(rates.LENGTHS) * len(rates.NOISE)
    for rate in false_alarms:
        assert bounds(rate.count, rate.total)[0] <= 0.01, rate
    of_all = sum(rate.count for rate in false_alarms) / sum(rate.total for rate in false_alarms)
    assert 0 < of_all <= 0.01  # as the page says


def test_a_planted_fifth_is_found_and_a_tenth_mostly():
    planted = [each for each in rates.simulated() if "planted" in each.what]
    assert all(each.what.startswith("simulated, noise 2%, ") for each in planted)
    found = {(e.what.split()[3], e.runs): e.count / e.total for e in planted}
    assert all(found["+20%", str(runs)] > 0.98 for runs in rates.LENGTHS)
    assert all(found["+10%", str(runs)] > 0.9 for runs in rates.LENGTHS[1:])


def of_runs(*runs):
    """A series of runs whose visits have these times."""
    points = tuple(Point(i, tuple(run.tolist()), (), "") for i, run in enumerate(runs))
    return Series(Case(mission(50), "model", "forward", "float32", "relu", "scan"), (), points)


def test_real_runs_of_one_commit_are_cut_into_parts_of_visits():
    """And two commits' are not put together, nor one run's taken for several."""
    quiet, slow = noise(8, 1, 0.01), noise(8, 2, 0.01) + 0.5
    series = [of_runs(quiet, quiet, slow, slow), of_runs(quiet, quiet, quiet, quiet)]
    _, times = rates.real(series, ["a"] * 4)
    assert (times.count, times.total, times.runs) == (1, 2, "8")
    _, times = rates.real(series, ["a", "a", "b", "b"])
    assert (times.total, times.runs) == (0, "")
    longer = [*series, of_runs(*[quiet] * 5), of_runs(*[quiet] * 3)]
    _, times = rates.real(longer, ["a"] * 5)
    assert times.runs == "6 to 10"
    long = [of_runs(noise(24, 1, 0.01))]
    assert [each.total for each in rates.real(long, ["a"])] == [0, 0]
