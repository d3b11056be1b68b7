"""How well a median is known, and what is said of one that is not."""

import dataclasses
from math import exp, inf, sqrt

import numpy as np
import pytest
from helpers.sample_runs import timed

from bench.cases.workloads import mission
from bench.judging import precision
from bench.records.facts import Conditions, GpuConditions

QUIET = Conditions(others=0.0, load_average=2.0, cpu_mhz=3000.0, gpu=None)


def turns(rng, count, spread):
    """`count` turns around 1 ms, each with a level of its own and noise within."""
    levels = np.exp(rng.normal(0, spread, count))
    return [tuple(1e-3 * level * np.exp(rng.normal(0, 0.01, 9))) for level in levels]


@pytest.mark.parametrize("count", [4, 10])
def test_the_interval_holds_the_truth_as_often_as_it_says(count):
    rng = np.random.default_rng(0)
    intervals = [precision.interval(turns(rng, count, 0.05)) for _ in range(400)]
    held = np.mean([low <= 1e-3 <= high for low, high in intervals])
    assert 0.92 <= held <= 0.98


def test_it_follows_turns_not_rounds():
    """Rounds of a turn agree; that says nothing of the next turn."""
    rng = np.random.default_rng(1)
    few = turns(rng, 5, 0.05)
    repeated = [turn * 100 for turn in few]
    assert precision.interval(repeated) == pytest.approx(precision.interval(few))
    wide, narrow = (precision.half_width(*precision.interval(turns(rng, n, 0.05))) for n in (4, 40))
    assert narrow < wide / 2


def test_a_single_turn_says_nothing():
    assert precision.interval([(1e-3, 1e-3)]) == (0.0, inf)
    assert precision.half_width(0.0, inf) == inf
    assert precision.interval([(1.0,), (1.0,)]) == (1.0, 1.0)  # two that agree say something


def test_the_interval_is_students():
    """Logarithms -1, 0, 1: a standard error of 1 / sqrt(3), and t of two degrees of freedom."""
    reach = 4.302653 / sqrt(3)  # 97.5 % point, from a table
    expected = exp(-reach), exp(reach)
    assert precision.interval([(exp(k),) * 2 for k in (-1, 0, 1)]) == pytest.approx(
        expected, rel=1e-6
    )


def test_precise_is_five_percent():
    assert precision.half_width(0.95, 0.95 * 1.05**2) == pytest.approx(0.05)
    assert precision.is_precise([(1.0,), (1.01,), (0.99,), (1.0,)])
    assert not precision.is_precise([(1.0,), (1.2,), (0.9,), (1.0,)])


@pytest.mark.parametrize(("width", "doubts"), [(0.099, 0), (0.101, 1)])
def test_beyond_ten_percent_a_time_is_in_doubt(width, doubts):
    interval = (1e-3 / (1 + width), 1e-3 * (1 + width))
    case = dataclasses.replace(timed(mission(1), "scan", 1.0), interval_s=interval)
    assert len(list(precision.unstable(case))) == doubts


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"interval_s": (0.9e-3, 1.3e-3)}, "known to ±20% only"),
        (
            {"conditions": dataclasses.replace(QUIET, others=0.3)},
            "other processes took 30% of the cores",
        ),
        (
            {"conditions": dataclasses.replace(QUIET, gpu=GpuConditions("1 MHz", ("power cap",)))},
            "the GPU held its clocks back: power cap",
        ),
    ],
)
def test_every_reason_to_doubt_a_time_is_said(changed, said):
    steady = dataclasses.replace(
        timed(mission(1), "scan", 1.0), interval_s=(0.99e-3, 1.01e-3), conditions=QUIET
    )
    assert list(precision.unstable(steady)) == []
    (reason,) = precision.unstable(dataclasses.replace(steady, **changed))
    assert said in reason
