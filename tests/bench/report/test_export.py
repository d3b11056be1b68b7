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
    *words, of_samples = [line.split("`")[1::2] for line in export.__doc__.split("- ")[1:]]
    words = [word for line in words for word in line]
    assert list(bench.load(path).columns) == words
    assert list(bench.load(path, samples=True).columns) == [*words[:-4], *of_samples]


@pytest.mark.parametrize("samples", [False, True])
def test_a_run_without_times_has_the_columns_too(path, samples):
    empty = bench.load(store.create(run(), publish=True), samples=samples)
    assert list(empty.columns) == list(bench.load(path, samples=samples).columns)
    assert empty.empty


def test_turns_are_what_it_gives_unless_asked_for_samples(path):
    assert "rounds" in export.rows([path]).columns and "rounds" in bench.load(path).columns


def test_samples_are_a_row_each(path, capsys):
    found = bench.load(path, samples=True)
    assert list(found["round"][:4]) == [0, 1, 2, 0]
    result = next(result for result in TYPICAL.cases if result.visits)
    assert tuple(found.seconds[: len(result.samples_s)]) == result.samples_s
    assert cli.main(["export", "samples.csv", str(path), "--samples"]) == 0
    assert capsys.readouterr().out == f"samples.csv: {len(found)} samples\n"


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
