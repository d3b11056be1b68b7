"""What a gate costs: cells of one shape beside each other."""

import re
from dataclasses import replace

import pytest
from helpers.sample_runs import TYPICAL, run, timed

from bench.cases.workloads import mission
from bench.records.facts import Ceiling
from bench.report import build, tables
from bench.report.figures import gates as figure
from bench.report.pages import html, markdown
from bench.report.parts import gates

PEAK = Ceiling("arithmetic", "matrix product, 1 x 1", (1e11,), "float32")


def cell(name, kernel="scan", millis=1.0, T=10):
    return timed(mission(T), kernel, millis, "recurrence", name)


BOTH = run(
    cell("lstm", millis=6.0),
    cell("relu", millis=2.0),
    cell("lstm", "native", 3.0),
    cell("relu", "native", 1.5),
    cell("gru", "torch", 1.0),  # alone: there is nothing to compare it with
    cell("relu", T=20),
    ceilings=(PEAK,),
)


def compared(measured):
    return gates.compared(tables.frame(measured), measured.ceilings)


def test_time_and_flops_are_over_those_of_the_simplest_cell_by_the_same_kernel():
    found = compared(BOTH)
    rows = zip(found.kernel, found.cell, found.time_ratio, strict=True)
    assert [(kernel, name, pytest.approx(ratio)) for kernel, name, ratio in rows] == [
        ("scan", "relu", 1.0),
        ("scan", "lstm", 3.0),
        ("native", "relu", 1.0),
        ("native", "lstm", 2.0),
    ]
    assert found.flops_ratio.iloc[1] == pytest.approx(4, rel=0.05)  # four products for one
    products = 4 * 2 * 10 * 50 * 256 * 256
    assert found.of_ceiling.iloc[3] == pytest.approx(products / 1e11 / 3e-3, rel=0.05)


def test_without_a_ceiling_or_the_simplest_cell_there_is_no_share_and_no_ratio():
    found = compared(run(*BOTH.cases, cell("gru", "flax"), cell("lstm", "flax")))
    assert found.of_ceiling.isna().all()
    assert found.time_ratio[found.kernel == "flax"].isna().all()
    assert found.time_ratio[found.kernel != "flax"].notna().all()


def test_a_run_of_one_cell_a_shape_has_no_section():
    assert compared(TYPICAL).empty
    assert list(gates.sections(TYPICAL, tables.frame(TYPICAL))) == []
    apart = run(cell("relu"), cell("lstm", T=20), cell("gru", "native"))
    assert list(gates.sections(apart, tables.frame(apart))) == []


def test_points_stand_at_their_flops_and_the_dashed_line_at_the_ceiling():
    found = compared(BOTH)
    (ax,) = [each for each in figure._figure(found).axes if each.axison]
    scan, _, ceiling = sorted(ax.get_lines(), key=lambda line: -max(line.get_ydata()))
    assert scan.get_ydata() == pytest.approx([2e-3, 6e-3])
    assert ceiling.get_ydata() == pytest.approx(ceiling.get_xdata() / 1e11)
    assert [label.get_text() for label in ax.get_xticklabels()] == ["relu", "lstm"]


def test_both_pages_have_it(tmp_path, monkeypatch):
    monkeypatch.setattr(build.suite, "pictures", lambda suites: [])
    train = [replace(each, case=replace(each.case, phase="train")) for each in BOTH.cases]
    measured = run(*BOTH.cases, *train, ceilings=(PEAK,))
    sections = list(build.sections([(measured, tmp_path / "run.json")]))
    text, page = markdown.page("x", sections), html.page("x", sections)
    _, _, text = text.partition("## What a gate costs in suite default")
    assert "### mission-T10, recurrence, train, float32" in text
    assert "](default-gates.svg)" in text
    assert re.search(r"scan +\| lstm +\| 6\.00 ms \| +4\.03 \| +3\.00 \|", text)
    assert ">What a gate costs in suite default</h2>" in page
