"""What "auto" takes is read from the run, and said with how good it is."""

from dataclasses import replace

import jax.numpy as jnp
import pandas as pd
import pytest
from helpers.sample_runs import TYPICAL, machine, run, timed, untimed, with_turns

from bench.cases.workloads import Workload, mission
from bench.records.machine import Gpu
from bench.report import build, tables
from bench.report.pages import markdown
from bench.report.parts import your_shape
from kernels import registry
from kernels.contract import Problem

LARGE = mission(50)
NATIVE, SCAN = timed(LARGE, "native", 1.0), timed(LARGE, "scan", 2.0)
GPU = machine(backend="gpu", gpu=Gpu("Some GPU", 2**36, "1", None))
LACKING = {"native": "runs on CPU only"}


@pytest.fixture(autouse=True)
def nothing_is_asked_of_this_machine(monkeypatch):
    def refuse(*_):
        raise AssertionError("a report is made from result files alone")

    monkeypatch.setattr(registry, "why_not", refuse)
    monkeypatch.setattr(registry, "fastest", refuse)


def finder(*runs):
    """Of these runs' report."""
    rows = pd.concat([tables.frame(each).assign(suite=each.suite) for each in runs])
    return your_shape.section(runs, rows).finder


def auto(measured):
    return your_shape.auto(measured, tables.frame(measured))


def in_dtype(result, dtype):
    return replace(result, case=replace(result.case, dtype=dtype))


@pytest.mark.parametrize(
    ("measured", "expected"),
    [
        (run(NATIVE, SCAN), "native"),
        (run(untimed(LARGE, "native", "failed", "it died"), SCAN), "native"),
        (run(untimed(LARGE, "native", "unsupported", "too large"), SCAN), "scan"),
        (run(SCAN, unavailable=LACKING), "scan"),
        (run(SCAN, machine=GPU, unavailable=LACKING), "scan"),
        (run(SCAN), ""),  # started with --kernels scan: native may be there or not
        (run(timed(Workload("tiny", 1, 1, 1, 8, 1), "native", 1.0)), "scan"),
        (run(in_dtype(NATIVE, "bfloat16"), in_dtype(SCAN, "bfloat16")), "native"),
    ],
)
def test_what_auto_takes_there(measured, expected):
    assert auto(measured) == expected


def test_the_rule_sees_the_problem_as_it_was_on_the_runs_machine(monkeypatch):
    seen = []
    monkeypatch.setattr(your_shape, "preferred", lambda problem: seen.append(problem) or ("scan",))
    auto(run(in_dtype(SCAN, "tf32"), machine=GPU))
    float32 = jnp.dtype("float32")
    assert seen == [Problem(50, 50, 256, float32, "relu", "tf32", "gpu")]


def remark(*cases):
    (problem,) = finder(run(*cases)).problems
    return problem.remark


def test_how_good_that_is():
    assert remark(NATIVE, SCAN) == "auto takes native, the fastest."
    assert remark(NATIVE) == "auto takes native, the only one timed."
    level = timed(LARGE, "native", 2.01)
    assert remark(level, SCAN) == "auto takes native, level with scan."
    slow = timed(LARGE, "native", 5.0)
    assert remark(slow, SCAN) == "auto takes native, which needs 2.50 times as long as the fastest."
    wrong = untimed(LARGE, "native", "wrong", "off")
    assert remark(wrong, SCAN) == "auto takes native, which has no time here."
    assert remark(SCAN) == "auto is not known: the run left out a kernel that it may take."


def test_results_are_the_fastest_first_with_a_tie_shown_as_a_tie():
    (problem,) = finder(run(SCAN, timed(LARGE, "unrolled", 2.02), NATIVE)).problems
    assert problem.results.cells["kernel"].tolist() == ["native", "scan", "unrolled"]
    assert problem.results.cells["× fastest"].tolist() == ["1.00", "2.00", "2.02"]
    (tied,) = finder(run(SCAN, timed(LARGE, "unrolled", 2.02))).problems
    assert tied.results.cells["× fastest"].tolist() == ["1.00", "= 1.01"]


def test_turns_beside_each_other_say_what_comes_first():
    """scan has the least time, and two of three turns are slower than native's."""
    beside = with_turns(SCAN, 1.0, 1.0, 3.0), with_turns(NATIVE, 0.95, 2.0, 2.85)
    (problem,) = finder(run(*beside)).problems
    assert problem.results.cells["kernel"].tolist() == ["native", "scan"]
    assert problem.results.cells["× fastest"].tolist() == ["1.00", "1.05"]


def test_options_say_what_they_add_to_the_call():
    tf32 = run(in_dtype(SCAN, "tf32"), suite="other")
    found = finder(run(NATIVE, SCAN), tf32)
    assert found.choices["dtype"] == {
        "float32": "dtype='float32'",
        "tf32": "dtype='float32', precision='tf32'",
    }
    assert found.choices["cell"] == {"relu": "cell='relu'"}
    assert found.choices["pass"] == {"forward": ""}


def line(*cases):
    (problem,) = finder(run(*cases)).problems
    return problem.call


def test_a_line_of_python_runs_the_fastest_kernel_that_is_ours():
    lstm = [timed(LARGE, name, ms, cell="lstm") for name, ms in (("torch", 1), ("scan", 2))]
    assert line(*lstm) == 'y, last = kernels.rnn(params, x, cell="lstm", kernel="scan")'
    alone = [timed(LARGE, name, ms, "recurrence", "gru") for name, ms in (("native", 1),)]
    assert line(*alone) == 'h, last = kernels.recurrence(pre, w_h, cell="gru", kernel="native")'
    tf32 = line(in_dtype(NATIVE, "tf32"))
    assert tf32.endswith('(params, x, cell="relu", kernel="native", precision="tf32")')
    assert line(timed(LARGE, "torch", 1.0)) == ""


def test_what_was_not_timed_is_no_neighbour():
    nothing = untimed(mission(7), "scan", "wrong", "off")
    assert [each.sizes["T"] for each in finder(run(NATIVE, SCAN, nothing)).problems] == [50]
    rows = tables.frame(run(nothing)).assign(suite="default")
    assert your_shape.section([run(nothing)], rows) is None


def test_it_stands_before_the_figures_and_tables_after_them(tmp_path):
    titles = [each.heading for each in build.sections([(TYPICAL, tmp_path / "run.json")])]
    assert titles == [
        *("Summary", "Which one, for what", "Your shape", "Speed-up", "Time of a step"),
        *("Scores", "Who is fastest where", "Every case in suite default", "Shapes"),
        *("Not timed in suite default", "Machine", "Method", "Columns"),
    ]


def test_markdown_has_no_form(tmp_path):
    text = markdown.page("x", list(build.sections([(TYPICAL, tmp_path / "run.json")])))
    assert "## Speed-up" in text and "Your shape" not in text
