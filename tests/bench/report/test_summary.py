"""Who is said to be fastest, and how many answers are said to be correct."""

import dataclasses

import pandas as pd
import pytest
from helpers.sample_runs import run, timed, untimed, with_turns

from bench.cases.workloads import mission
from bench.report import tables
from bench.report.parts import summary
from bench.report.parts.summary import PROBLEM


def rows(*cases):
    return tables.frame(run(*cases)).assign(suite="default")


def winner(*cases):
    (found,) = summary.winners(rows(*cases)).itertuples()
    return found


def said(*cases):
    """The summary's prose, and its table by kernel."""
    words, scores, _ = summary.sections(rows(*cases))
    return words.prose[0], scores.table.cells.set_index("kernel")


def test_the_fastest_wins_where_no_other_is_level():
    found = winner(timed(mission(1), "scan", 4.0), timed(mission(1), "unrolled", 2.0))
    assert (found.best, found.leaders, found.outcome) == ("unrolled", ("unrolled",), "won")
    assert found.lead == pytest.approx(2) and found.speedup == pytest.approx(2)


def test_level_kernels_tie_and_the_lead_is_over_the_first_that_is_not():
    near = (timed(mission(1), "scan", 2.05), timed(mission(1), "unrolled", 2.0))
    found = winner(*near, timed(mission(1), "scan-autodiff", 6.0))
    assert (found.leaders, found.outcome) == (("unrolled", "scan"), "tied")
    assert found.lead == pytest.approx(3)


def test_a_kernel_wins_if_it_is_faster_in_every_visit():
    """Beside scan the other is 5 % slower in half of the invented visits."""
    apart = winner(timed(mission(1), "scan", 2.12), timed(mission(1), "unrolled", 2.0))
    not_always = winner(timed(mission(1), "scan", 2.08), timed(mission(1), "unrolled", 2.0))
    assert (apart.outcome, not_always.outcome) == ("won", "tied")


def test_turns_beside_each_other_say_who_is_fastest():
    """Two of three turns are faster than scan's, and their median is twice as slow."""
    found = winner(
        with_turns(timed(mission(1), "scan", 1.0), 1.0, 1.0, 3.0),
        with_turns(timed(mission(1), "unrolled", 1.0), 0.95, 2.0, 2.85),
        with_turns(timed(mission(1), "unrolled-full", 1.0), 0.9, 2.1, 2.7),
    )
    assert (found.best, found.outcome) == ("unrolled-full", "won")
    assert found.lead == pytest.approx(0.95 / 0.9)


def test_seven_visits_are_too_few_to_win():
    fast, slow = (timed(mission(1), kernel, ms) for kernel, ms in (("scan", 9), ("unrolled", 1)))
    seven = [dataclasses.replace(each, visits=each.visits[:7]) for each in (fast, slow)]
    assert winner(*seven).outcome == "tied"


def test_one_kernel_alone_wins_nothing():
    found = winner(timed(mission(1), "scan", 1.0), untimed(mission(1), "pallas", "emulated", "."))
    assert found.outcome == "alone" and found.correct == "2 of 2"
    prose, scores = said(timed(mission(1), "scan", 1.0))
    assert "only one kernel was timed in 1" in prose and scores.loc["scan", "won"] == "0"


def test_nothing_timed():
    assert winner(untimed(mission(1), "scan", "wrong", "off")).outcome == "none"


def test_scores_and_sentences():
    prose, scores = said(
        timed(mission(1), "scan", 4.0),
        timed(mission(1), "unrolled", 2.0),
        timed(mission(9), "scan", 4.0),
        timed(mission(9), "unrolled", 8.0),
        timed(mission(50), "scan", 4.0),
        timed(mission(50), "unrolled", 4.0),
        untimed(mission(50), "unrolled-full", "unsupported", "too long"),
    )
    assert "unrolled is fastest in 1, scan is fastest in 1, the leaders tie in 1" in prose
    assert "unrolled, 2.00 times as fast as scan (mission-T1, model)" in prose
    assert "all 6 answers; no error is over 1.00 % of its tolerance" in prose
    own = scores.loc["unrolled"]
    assert list(own[["won", "tied", "timed", "correct"]]) == ["1", "1", "3", "3 of 3"]
    assert list(own[["× scan, mean", "±", "least", "most"]]) == ["1.00", "±5.1 %", "0.500", "2.00"]
    assert scores.loc["unrolled-full", "correct"] == "0 of 0"


def test_a_gain_within_the_noise_is_none():
    prose, _ = said(timed(mission(1), "scan", 2.05), timed(mission(1), "unrolled", 2.0))
    assert "Nothing is faster than scan by more than the noise" in prose


def test_without_its_baseline_nothing_is_said_of_a_gain():
    prose, _ = said(timed(mission(1), "unrolled", 1.0), timed(mission(1), "pallas", 2.0))
    assert "unrolled is fastest in 1.\n" in prose


def test_nothing_checked():
    prose, _ = said(untimed(mission(1), "mosaic", "unsupported", "no GPU"))
    assert "nothing was timed in 1" in prose and "nothing could be checked" in prose


def test_a_wrong_answer_is_named_beside_the_speeds():
    wrong = untimed(mission(1), "unrolled", "wrong", "deviates")
    cases = (timed(mission(1), "scan", 2.0), dataclasses.replace(wrong, error=1.0, tolerance=0.1))
    prose, scores = said(*cases)
    assert "1 of 2 answers are not correct" in prose
    assert r"WRONG unrolled (mission-T1, model, relu, forward, float32)" in prose
    assert scores.loc["unrolled", "correct"] == "0 of 1"
    assert winner(*cases).correct == "1 of 2: unrolled WRONG"


def test_cells_are_not_mixed():
    prose, scores = said(
        timed(mission(1), "scan", 4.0, cell="gru"),
        timed(mission(1), "unrolled", 2.0, cell="gru"),
        timed(mission(1), "scan", 4.0, cell="lstm"),
        timed(mission(1), "unrolled", 8.0, cell="lstm"),
    )
    assert "**gru, forward**: of 1 problems, unrolled is fastest in 1." in prose
    assert "**lstm, forward**: of 1 problems, scan is fastest in 1." in prose
    assert list(zip(scores.index, scores.cell, scores.won, strict=True)) == [
        ("unrolled", "gru", "1"),
        ("scan", "gru", "0"),
        ("scan", "lstm", "1"),
        ("unrolled", "lstm", "0"),
    ]


def test_suites_are_not_mixed():
    both = [
        rows(timed(mission(1), "scan", ms)).assign(suite=name) for name, ms in (("a", 1), ("b", 2))
    ]
    found = summary.winners(pd.concat(both))
    assert list(found.suite) == ["a", "b"] and list(found.columns[: len(PROBLEM)]) == PROBLEM
