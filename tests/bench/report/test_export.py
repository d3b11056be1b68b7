"""Raw samples as a table for other tools."""

import sys

import pandas as pd
import pytest
from helpers.sample_runs import TYPICAL, run

import bench
from bench import cli
from bench.records import store
from bench.report import export


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return store.create(TYPICAL, publish=True)


def test_every_turn_of_a_timed_case_is_a_row(path):
    found = bench.load(path, str(path))
    timed = [result for result in TYPICAL.cases if result.visits]
    assert len(found) == 2 * len(timed) * 8 * 2
    first = found.iloc[3]
    assert list(first[["kernel", "T", "pass", "visit", "turn", "rounds"]]) == [
        "scan",
        50,
        "forward",
        1,
        1,
        3,
    ]
    assert (
        first.seconds
        == first.least_s
        == first.median_s
        == pytest.approx(TYPICAL.cases[0].visits[1].samples_s[1][0])
    )
    assert first.fingerprint == TYPICAL.machine.fingerprint and first.jax == "1.2.3"


def test_columns_are_those_documented(path):
    words = [name for line in export.__doc__.split("- ")[1:] for name in line.split("`")[1::2]]
    assert words == list(bench.load(path).columns) == list(export.COLUMNS)


def test_a_run_without_times_has_the_columns_too(path):
    assert list(bench.load(store.create(run(), publish=True)).columns) == list(export.COLUMNS)


def test_a_file_is_written_once_and_reads_back_the_same(path, tmp_path, capsys):
    assert cli.main(["export", "turns.csv", str(path)]) == 0
    assert capsys.readouterr().out == "turns.csv: 64 turns\n"
    again = pd.read_csv("turns.csv", keep_default_na=False)
    pd.testing.assert_frame_equal(again, bench.load(path))
    assert cli.main(["export", "turns.csv", str(path)]) == 2
    assert "is there already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("out", "words"),
    [
        ("turns.xls", "ends in '.xls'; expected .csv or .parquet"),
        ("turns.parquet", "install pyarrow"),
    ],
)
def test_what_cannot_be_written_is_said(path, out, words, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert cli.main(["export", out, str(path)]) == 2
    assert words in capsys.readouterr().err
