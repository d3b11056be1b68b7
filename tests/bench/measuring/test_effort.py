"""Groups whose visits lie apart have more of the next one."""

from dataclasses import replace

import pytest
from helpers.sample_runs import run, timed, visit

from bench.cases.workloads import mission
from bench.judging.precision import BLOCKS
from bench.measuring.effort import GROUP_S, Effort, efforts


def spread(workload, kernel, percent, visits=4):
    """A case whose visits lie so far apart."""
    levels = [1e-3 * (1 + (i % 2) * percent / 100) for i in range(visits)]
    return replace(timed(workload, kernel, 1.0), visits=tuple(visit((s,)) for s in levels))


def group(T, percent, visits=4):
    """Of two kernels, the ratio of which lies so far apart."""
    return spread(mission(T), "scan", 0, visits), spread(mission(T), "native", percent, visits)


def shares(*groups, visits=4):
    results = [result for each in groups for result in each]
    found = efforts(run(*results, visits_s=(1.0,) * visits))
    return [found[each[0].case.group] for each in groups]


def test_the_share_is_in_proportion_to_the_spread_within_limits():
    least, usual, most = shares(group(1, 0.1), group(2, 2), group(3, 8))
    assert least == Effort(BLOCKS // 2, GROUP_S / 2)
    assert most == Effort(2 * BLOCKS, 2 * GROUP_S)
    assert usual.seconds == pytest.approx(GROUP_S * 2 / (10.1 / 3), rel=0.05)


def test_a_drift_that_the_baseline_shares_is_no_spread():
    drifting = spread(mission(1), "scan", 30), spread(mission(1), "native", 30)
    assert shares(drifting, group(2, 4)) == [
        Effort(BLOCKS // 2, GROUP_S / 2),
        Effort(2 * BLOCKS, 2 * GROUP_S),
    ]


def test_three_visits_do():
    found = shares(group(1, 1, 3), group(2, 9, 3), visits=3)
    assert found[0].blocks < BLOCKS < found[1].blocks


@pytest.mark.parametrize("visits", [0, 2])
def test_two_visits_do_not_tell(visits):
    assert shares(group(1, 1, visits), group(2, 9, visits), visits=visits) == [Effort()] * 2


def test_visits_that_agree_have_the_usual():
    assert shares(group(1, 0), group(2, 0)) == [Effort()] * 2
