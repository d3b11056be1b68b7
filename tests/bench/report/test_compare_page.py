"""What changed, as a page."""

import re
from dataclasses import replace

import pytest
from helpers.sample_runs import TYPICAL, machine, run, timed, visit
from rich.console import Console

from bench.cases.workloads import mission
from bench.records import store
from bench.report.compare import command


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)


def slower(result, factor):
    visits = [
        visit(*[tuple(factor * s for s in turn) for turn in each.samples_s])
        for each in result.visits
    ]
    return replace(result, visits=tuple(visits))


PAGES = store.root(publish=False) / "compare"
SCAN, FAST = timed(mission(50), "scan", 4.0), timed(mission(50), "native", 2.0)
BEFORE, AFTER = run(SCAN, FAST), run(SCAN, slower(FAST, 1.5))


def compared(*runs):
    """Both pages."""
    paths = [store.create(each, publish=True) for each in runs]
    command.main(paths, Console(width=100))
    return [(PAGES / f"compare.{kind}").read_text() for kind in ("md", "html")]


def test_both_pages_have_the_headline_and_every_case():
    text, page = compared(BEFORE, AFTER)
    assert "Of 2 cases, at a margin of 10.0 %: 1 SAME, 1 SLOWER." in text
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in text.splitlines()
        if line.startswith("| native")
    ]
    assert rows[0][:4] == ["native", "relu", "forward", "+50.0 %"]
    assert rows[0][5:] == ["0", "0", "1", "0"]
    assert rows[1][1:3] == ["SLOWER", "+50.0 %"] and rows[1][-1] == "ratio to scan"
    assert rows[2][-4:] == ["2.00 ms", "3.00 ms", "2.00", "1.33"]
    assert (
        "data:image/svg+xml" in page
        and ">+50.0 %</td>" in page
        and (PAGES / "compare.svg").exists()
    )


def test_other_machines_have_their_times_and_no_verdict():
    text, _ = compared(BEFORE, run(SCAN, FAST, machine=machine(cores=1)))
    assert text.startswith("# Side by side") and "SAME" not in text and "no verdict" in text
    times = text.partition("## Times")[2]
    assert times.count("2.00 ms") == 2


def table_below(text, heading):
    """The cells of the table's rows."""
    lines = text.partition(f"### {heading}\n\n")[2].partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]


def test_of_several_machines_it_says_which_is_worth_it_for_what(capsys):
    """The fastest kernel of each, whichever it is; a tie is a tie, and what is absent is empty."""
    level, alone = timed(mission(10), "scan", 2.0), timed(mission(500), "scan", 9.0)
    here = run(SCAN, FAST, timed(mission(1), "scan", 1.0), level, alone)
    there = run(
        timed(mission(50), "scan", 0.5),
        timed(mission(1), "scan", 1.005),
        level,
        timed(mission(100), "scan", 3.0),
        machine=machine(cores=1),
    )
    text, page = compared(here, there)
    said = "B is faster than A in 1 of 3 problems and slower in 0; over all it is 1.58 times as"
    assert f"relu, forward, float32: {said} fast (1.5" in text
    assert said in " ".join(capsys.readouterr().out.split())
    assert table_below(text, "relu, forward, float32") == [
        ["mission-T50, model", "native 4.00", "**scan 500 µs**"],
        ["mission-T1, model", "**scan 1.00 ms**", "scan = 1.00"],
        ["mission-T10, model", "**scan 2.00 ms**", "scan = 1.00"],
        ["mission-T500, model", "**scan 9.00 ms**", ""],
        ["mission-T100, model", "", "**scan 3.00 ms**"],
    ]
    assert '<td class="shade-4">native 4.00</td>' in page


def test_times_have_speedups_over_the_scan_of_the_same_run():
    text, _ = compared(BEFORE, run(slower(SCAN, 2.0), FAST))
    (row,) = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in text.partition("## Times")[2].splitlines()
        if line.startswith("| native")
    ]
    assert row[-2:] == ["2.00", "4.00"]


def test_three_runs_are_three_columns_and_a_case_may_lack_a_time():
    text, _ = compared(TYPICAL, TYPICAL, BEFORE)
    heads = [line for line in text.splitlines() if line.startswith("| kernel")]
    assert [cell.strip() for cell in heads[0].split("|")][7:10] == ["A", "B", "C"]


def test_of_three_runs_too():
    text, _ = compared(BEFORE, BEFORE, AFTER)
    assert "+50.0 % SLOWER" in text.partition("## Against the first")[2]


def test_what_varies_has_a_column():
    other = timed(mission(1), "native", 2.0), timed(mission(1), "scan", 2.0)
    text, _ = compared(run(SCAN, FAST, *other), run(SCAN, FAST, *other))
    head = text.partition("compare.svg)")[2].strip().splitlines()[0]
    assert [cell.strip() for cell in head.split("|")][1:4] == ["kernel", "workload", "verdict"]


def test_without_a_page_the_verdicts_stand(capsys, tmp_path):
    """As on a disk that is full."""
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "local").write_text("no folder")
    paths = [store.create(each, publish=True) for each in (BEFORE, AFTER)]
    assert command.main(paths, Console(width=200)) == 0
    out = capsys.readouterr().out
    assert "SLOWER" in out and re.search(r"^No page: .+", out, re.M)


def test_of_several_runs_each_is_judged_against_the_first():
    """But not that of another machine, and no case that only one has."""
    elsewhere = run(SCAN, FAST, machine=machine(cores=1))
    text, _ = compared(BEFORE, AFTER, elsewhere, run(SCAN))
    head, _, *rows = text.partition("## Against the first")[2].strip().splitlines()[2:]
    assert [cell.strip() for cell in head.split("|")][7:-1] == ["B", "D"]
    cells = [[cell.strip() for cell in row.split("|")][7:-1] for row in rows]
    assert cells == [["+0.0 % SAME", "+0.0 % SAME"], ["+50.0 % SLOWER", ""]]


def test_a_ci_shows_it_below_what_it_shows_already(tmp_path, monkeypatch):
    """Without the drawing, which lies elsewhere."""
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    text, _ = compared(BEFORE, AFTER)
    drawing = [line for line in text.splitlines() if line.startswith("![")]
    assert summary.read_text() == f"before\n{text}".replace(f"{drawing[0]}\n\n", "")
