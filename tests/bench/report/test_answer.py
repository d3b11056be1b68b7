"""The last lines of a run."""

from dataclasses import replace

from helpers.sample_runs import run, timed, untimed, visit

from bench.cases.workloads import mission
from bench.report.parts import answer


def test_the_fastest_is_named_with_the_mean_of_its_gains_and_their_interval():
    """Beside scan the other is 5 % slower in half of the visits, in both problems at once."""
    pairs = [
        timed(mission(T), kernel, ms)
        for T in (1, 9)
        for kernel, ms in (("scan", 4.0), ("unrolled", 2.0 * T))
    ]
    (line,) = answer.lines(
        run(*pairs[:2], timed(mission(9), "scan", 8.0), timed(mission(9), "unrolled", 2.0))
    )
    assert line == (
        "relu, forward, float32: unrolled is fastest in 2 of 2; over all 2.83 times as fast as "
        "scan (2.69 to 2.97)"
    )


def test_ties_are_counted_apart_and_one_visit_has_no_interval():
    level = [timed(mission(1), kernel, 2.0) for kernel in ("scan", "unrolled")]
    ahead = [timed(mission(9), kernel, ms) for kernel, ms in (("scan", 4.0), ("unrolled", 1.0))]
    (line,) = answer.lines(run(*level, *ahead))
    assert "unrolled is fastest in 1 of 2 and ties in 1; over all" in line
    short = [replace(each, visits=each.visits[:1]) for each in (*level, *ahead)]
    (line,) = answer.lines(run(*short))
    assert line.endswith("ties in 2; over all 1.90 times as fast as scan")


def test_cells_have_a_line_each():
    pairs = [
        timed(mission(1), kernel, millis, cell=cell)
        for cell, kernel, millis in (
            *(("lstm", "scan", 9.0), ("lstm", "unrolled", 3.0)),
            *(("gru", "scan", 2.0), ("gru", "unrolled", 8.0)),
        )
    ]
    lstm, gru = answer.lines(run(*pairs))
    assert lstm.startswith("lstm, forward, float32: unrolled is fastest in 1 of 1; over all 3.0")
    assert gru == "gru, forward, float32: scan is fastest in 1 of 1"


def test_without_the_baseline_no_gain_is_said():
    alone = timed(mission(9), "unrolled", 2.0)
    (line,) = answer.lines(
        run(timed(mission(1), "unrolled", 2.0), timed(mission(1), "flax", 4.0), alone)
    )
    assert line == "relu, forward, float32: unrolled is fastest in 1 of 1"
    (line,) = answer.lines(run(alone))
    assert line == "relu, forward, float32: only one kernel was timed"


def test_every_case_that_is_wrong_or_in_doubt_is_named():
    unsure = replace(
        timed(mission(9), "unrolled", 2.0),
        visits=tuple(visit((1e-3 * (1 + i % 2),)) for i in range(8)),
    )
    wrong = untimed(mission(1), "pallas", "wrong", "deviates [a lot]")
    lines = list(answer.lines(run(timed(mission(1), "scan", 4.0), wrong, unsure)))
    assert lines[1:] == [
        "WRONG: mission-T1 model forward float32 relu pallas: deviates [a lot]",
        "In doubt: mission-T9 model forward float32 relu unrolled: after 8 visits its time is "
        "known to ±41% only",
    ]


def test_of_no_cases_nothing_is_said():
    assert list(answer.lines(run())) == []
    assert list(answer.lines(run(untimed(mission(1), "scan", "unsupported", "no")))) == []
