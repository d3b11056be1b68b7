"""What changed, as a page."""

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


SCAN, FAST = timed(mission(50), "scan", 4.0), timed(mission(50), "native", 2.0)
BEFORE, AFTER = run(SCAN, FAST), run(SCAN, slower(FAST, 1.5))


def compared(*runs):
    """Both pages."""
    paths = [store.create(each, publish=True) for each in runs]
    command.main(paths, Console(width=100))
    return [(command.PAGES / f"compare.{kind}").read_text() for kind in ("md", "html")]


def test_both_pages_have_the_headline_and_every_case():
    text, page = compared(BEFORE, AFTER)
    assert "Of 2 cases, at a margin of 10.0 %: 1 SAME, 1 SLOWER." in text
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in text.splitlines()
        if line.startswith("| native")
    ]
    assert rows[0][:3] == ["native", "forward", "+50.0 %"] and rows[0][4:] == [
        "0",
        "0",
        "1",
        "0",
    ]
    assert rows[1][6:8] == ["SLOWER", "+50.0 %"] and rows[1][-1] == "ratio to scan"
    assert rows[2][-2:] == ["2.00 ms", "3.00 ms"]
    assert (
        "data:image/svg+xml" in page
        and ">+50.0 %</td>" in page
        and (command.PAGES / "compare.svg").exists()
    )


def test_other_machines_have_their_times_and_no_verdict():
    text, _ = compared(BEFORE, run(SCAN, FAST, machine=machine(cores=1)))
    assert text.startswith("# Side by side") and "SAME" not in text and "no verdict" in text
    assert text.count("2.00 ms") == 2


def test_three_runs_are_three_columns_and_a_case_may_lack_a_time():
    text, _ = compared(TYPICAL, TYPICAL, BEFORE)
    (head,) = [line for line in text.splitlines() if line.startswith("| kernel")]
    assert [cell.strip() for cell in head.split("|")][-4:-1] == ["A", "B", "C"]
    assert "SAME" not in text


def test_a_ci_shows_it_below_what_it_shows_already(tmp_path, monkeypatch):
    """Without the drawing, which lies elsewhere."""
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    text, _ = compared(BEFORE, AFTER)
    drawing = [line for line in text.splitlines() if line.startswith("![")]
    assert summary.read_text() == f"before\n{text}".replace(f"{drawing[0]}\n\n", "")
