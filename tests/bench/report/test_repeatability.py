"""Whether runs that should agree do."""

from dataclasses import replace
from math import exp

import pytest
from helpers.sample_runs import TYPICAL, machine, run, timed, visit

from bench.cases.workloads import mission
from bench.records.facts import Source
from bench.report.parts import repeatability


def shifted(result, factor):
    """The same case in another run, in which it takes so many times as long."""
    visits = [
        visit(*[tuple(factor * s for s in turn) for turn in each.samples_s])
        for each in result.visits
    ]
    return replace(result, visits=tuple(visits))


def counted(*runs):
    """What of how many, by the beginning of its name."""
    section = repeatability.section(runs)
    rows = section.table.rows
    counts = zip(rows["count"], rows.of, strict=True)
    return dict(zip(rows.what, counts, strict=True))


def one(scan=1.0, unrolled=1.0):
    return run(
        shifted(timed(mission(50), "scan", 4.0), scan),
        shifted(timed(mission(50), "unrolled", 2.0), unrolled),
    )


def test_equal_runs_agree_in_everything():
    found = counted(one(), one())
    assert found["intervals of a time that hold the other run's"] == (4, 4)
    assert found["intervals of a ratio to scan that hold it"] == (2, 2)
    assert found["winners that the other run does not call one"] == (0, 2)
    assert found["winners where the other run calls another"] == (0, 2)
    assert found["`compare` of equals: FASTER or SLOWER"] == (0, 2)


def test_a_run_that_is_slower_throughout_differs_in_times_and_not_in_ratios():
    found = counted(one(), one(1.2, 1.2))
    assert found["intervals of a time that hold the other run's"] == (0, 4)
    assert found["intervals of a ratio to scan that hold it"] == (2, 2)
    assert found["`compare` of equals: FASTER or SLOWER"] == (1, 2)  # scan itself, by its time


def test_a_winner_that_changes_is_counted_either_way():
    found = counted(one(), one(unrolled=3.0))
    assert found["winners where the other run calls another"] == (2, 2)
    assert found["winners that the other run does not call one"] == (0, 2)
    level = counted(one(), one(unrolled=2.0))
    assert level["winners that the other run does not call one"] == (1, 1)


@pytest.mark.parametrize(("extra", "found"), [("5%", 0), ("10%", 0), ("20%", 1), ("30%", 2)])
def test_a_planted_slow_down_is_looked_for(extra, found):
    """Of scan, known to ±2 %, a fifth is seen; of the other's ratio, ±10 %, three tenths are."""
    assert counted(one(), one())[f"`compare` with +{extra} planted: SLOWER"] == (found, 2)


@pytest.mark.parametrize(
    "other",
    [
        replace(TYPICAL, suite="gate"),
        replace(TYPICAL, source=Source("4567", dirty=False)),
        replace(TYPICAL, machine=machine(cores=1)),
        replace(TYPICAL, complete=False),
        replace(TYPICAL, narrowed=("--kernels scan",)),
        replace(TYPICAL, visits_s=(1.0,) * 7),
        run(timed(mission(1), "scan", exp(1))),
        replace(TYPICAL, cases=(*TYPICAL.cases, timed(mission(50), "torch", 9.0))),
    ],
)
def test_runs_that_need_not_agree_are_not_compared(other):
    assert repeatability.section([TYPICAL, other]) is None


def test_nor_are_runs_of_a_changed_tree():
    changed = replace(TYPICAL, source=Source("0123abc", dirty=True))
    assert repeatability.section([changed, changed]) is None
