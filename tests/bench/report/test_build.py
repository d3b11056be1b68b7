"""What is printed and drawn from result files."""

import dataclasses
from io import StringIO

import pytest
from helpers.sample_runs import TYPICAL, report_of, run, timed, untimed
from rich.console import Console

from bench import cli
from bench.cases.workloads import mission
from bench.records import store
from bench.records.store import ResultError
from bench.report import tables


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_derived_numbers():
    rows = tables.frame(TYPICAL).set_index(["workload", "kernel"])
    fast = rows.loc[("mission-T50", "unrolled")]
    assert fast.time_s == pytest.approx(2e-3)
    assert fast.speedup == pytest.approx(2)
    assert fast.step_s == pytest.approx(2e-3 / 50)
    flops = 50 * 50 * (256 * (2 * 128 + 1) + 256 * (2 * 256 + 2) + 128 * (2 * 256 + 1))
    assert fast.gflops == pytest.approx(flops / 2e-3 / 1e9)
    assert fast.compile_s == pytest.approx(0.3)
    assert rows.loc[("mission-T500", "unrolled")].speedup == pytest.approx(0.8)


def test_fastest_first_and_untimed_last():
    title, part = next(tables.cases(tables.frame(TYPICAL)).parts())
    assert title == "mission-T50, model, forward, float32, relu"
    assert list(part.cells.kernel) == ["unrolled", "scan", "pallas"]
    assert list(part.cells["check"]) == ["ok", "ok", "emulated"]
    assert part.cells["time"].iloc[-1] == ""


def test_the_terminal_says_why_a_case_has_no_time():
    shared, first, _ = tables.for_terminal(TYPICAL)
    assert shared == "\nAll cases: model, forward, float32, relu"
    assert first.title == "mission-T50 (T 50, B 50, I 128, H 256, O 128)"
    assert first.caption == "pallas: interpret mode | <script>"


def test_what_holds_for_all_problems_is_said_once():
    reason = "no compiler"
    every = [untimed(mission(T), "native", "unsupported", reason) for T in (1, 2)]
    printed = list(tables.for_terminal(run(*every, *TYPICAL.cases)))
    assert printed[0] == f"native: {reason}"
    assert not any(reason in table.caption for table in printed[2:])


def test_a_table_fits_a_terminal_with_every_name_whole():
    long = timed(mission(50), "unrolled-full", 123.0)
    cases = long, untimed(mission(50), "onnxruntime", "unsupported", "does not train")
    *_, table = tables.for_terminal(run(*cases))
    console = Console(width=80, record=True, file=StringIO())
    console.print(table)
    lines = console.export_text().splitlines()
    assert max(len(line.rstrip()) for line in lines) <= 80
    assert any("unrolled-full" in line for line in lines)


def test_the_variant_that_stands_for_the_baseline_is_named():
    best = dataclasses.replace(timed(mission(50), "scan", 4.0), variant="unhoisted, unroll 4")
    measured = run(best, timed(mission(50), "mosaic", 2.0))
    *_, printed = tables.for_terminal(measured)
    assert printed.caption == "scan: written as unhoisted, unroll 4"
    assert list(tables.cases(tables.frame(measured)).cells.variant) == ["", "unhoisted, unroll 4"]
    assert "variant" not in tables.cases(tables.frame(TYPICAL)).columns


def test_without_its_baseline_a_case_has_no_speedup():
    rows = tables.frame(run(timed(mission(1), "unrolled", 1.0)))
    assert rows.speedup.isna().all()


def test_report_is_rebuilt_from_the_files_alone():
    folder = store.create(TYPICAL, publish=True).parent
    report_of(folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    text = before["report.md"].decode()
    assert "| mission-T50 " in text and "2.00 ms" in text and "0.800" in text
    assert {"default-speedup.svg", "default-time-T.svg", "report.html"} < before.keys()
    for name in before.keys() - {"20260102T030405-default.json"}:
        (folder / name).unlink()
    assert cli.main(["report"]) == 0
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


NARROWED = ("--kernels scan",)


def reported(*runs):
    """The machine's report of these runs, each a day newer than the one before it."""
    for day, each in enumerate(runs, start=1):
        dated = dataclasses.replace(each, started=f"2026-02-{day:02}T03:04:05+00:00")
        folder = store.create(dated, publish=True).parent
    return report_of(folder)[0].read_text()


def test_the_newest_whole_run_of_a_suite_speaks():
    text = reported(TYPICAL, run(timed(mission(1), "scan", 7.0)))
    assert "7.00 ms" in text and "mission-T500" not in text
    assert "## Runs not shown" in text and "20260201T030405-default.json" in text


@pytest.mark.parametrize(
    ("lesser", "covers"),
    [
        (run(complete=False), "the whole suite | 0, then cut short"),
        (run(timed(mission(1), "scan", 7.0), complete=False), "1, then cut short"),
        (run(timed(mission(1), "scan", 7.0), narrowed=NARROWED), "--kernels scan | 1"),
    ],
)
def test_what_is_not_whole_is_listed_and_displaces_nothing(lesser, covers):
    text = reported(TYPICAL, lesser)
    assert "mission-T500" in text and "7.00 ms" not in text
    (listed,) = (line for line in text.splitlines() if "20260202T030405-default.json" in line)
    assert covers in " ".join(listed.split())
    assert "Incomplete" not in text and "Not the whole suite" not in text


def test_without_a_whole_run_the_newest_other_is_shown_and_says_so():
    cut = run(timed(mission(1), "scan", 7.0), complete=False)
    narrowed = run(timed(mission(1), "scan", 8.0), narrowed=NARROWED)
    text = reported(cut, narrowed)
    assert "8.00 ms" in text and "7.00 ms" not in text
    assert "**Not the whole suite: --kernels scan.**" in text and "Incomplete" not in text
    assert "**Incomplete" in reported(cut, narrowed, cut)


def test_where_every_run_is_shown_none_is_listed():
    other = dataclasses.replace(TYPICAL, suite="other")
    assert "Runs not shown" not in reported(TYPICAL, other)


def test_other_json_below_results_is_left_alone():
    other = store.ROOT / "a-study" / "study.json"
    store.write_atomically(other, "{}")
    store.create(TYPICAL, publish=True)
    assert cli.main(["report"]) == 0
    assert [path.name for path in other.parent.iterdir()] == ["study.json"]


def test_nothing_to_report_is_an_error_in_a_sentence(capsys):
    assert cli.main(["report"]) == 2
    said = capsys.readouterr().err
    assert said == "bench: results: no result files there; `bench run` makes some\n"


def test_a_folder_without_results(tmp_path):
    with pytest.raises(ResultError, match="no result files there"):
        report_of(tmp_path)
