"""Every problem and kernel at one glance."""

import re
from dataclasses import replace

import pandas as pd
from helpers.sample_runs import TYPICAL, run, timed, untimed

from bench.cases.workloads import mission
from bench.report import build, tables
from bench.report.pages import html, markdown
from bench.report.parts import matrix
from bench.report.section import Cell


def rows(*cases, suite="default"):
    return tables.frame(run(*cases)).assign(suite=suite)


def test_the_fastest_has_its_time_and_the_others_how_much_longer_they_take():
    (found,) = matrix.section(
        rows(
            timed(mission(1), "scan", 2.06),
            timed(mission(1), "unrolled", 2.0),
            timed(mission(1), "flax", 8.0),
            untimed(mission(1), "pallas", "emulated", "interpreted"),
            timed(mission(9), "scan", 2.3),
            timed(mission(9), "unrolled", 2.0),
            timed(mission(9), "native", 1.0),
        )
    ).matrices
    assert found.caption == "default, relu, forward, float32"
    assert found.columns == ["native", "scan", "unrolled", "flax"]
    assert found.rows == {
        "mission-T1, model": [
            Cell(),
            Cell("= 1.03", shade=0),
            Cell("2.00 ms", strong=True, shade=0),
            Cell("4.00", shade=4),
        ],
        "mission-T9, model": [
            Cell("1.00 ms", strong=True, shade=0),
            Cell("2.30", shade=4),
            Cell("2.00", shade=3),
            Cell(),
        ],
    }


def test_suites_and_passes_have_one_each():
    train = replace(TYPICAL.cases[0], case=replace(TYPICAL.cases[0].case, phase="train"))
    both = pd.concat([rows(*TYPICAL.cases), rows(train, suite="other")])
    captions = [each.caption for each in matrix.section(both).matrices]
    assert captions == ["default, relu, forward, float32", "other, relu, train, float32"]


def test_so_have_cells():
    cells = [timed(mission(1), "scan", 2.0, cell=cell) for cell in ("relu", "lstm")]
    captions = [each.caption for each in matrix.section(rows(*cells)).matrices]
    assert captions == ["default, relu, forward, float32", "default, lstm, forward, float32"]


def test_where_nothing_was_timed_there_is_none():
    assert matrix.section(rows(untimed(mission(1), "scan", "wrong", "off"))) is None


def test_both_pages_show_it(tmp_path):
    sections = list(build.sections([(TYPICAL, tmp_path / "run.json")]))
    text = markdown.page("x", sections)
    assert re.search(r"mission-T50, model +\| +2\.00 +\| +\*\*2\.00 ms\*\* \|", text)
    page = html.page("x", sections)
    assert '<td class="shade-0"><strong>2.00 ms</strong></td>' in page
    assert "<caption>default, relu, forward, float32</caption>" in page
