"""DeepBench's own times beside ours."""

from dataclasses import replace

import pandas as pd
import pytest
from helpers.sample_runs import TYPICAL, run, timed

from bench.cases import deepbench
from bench.cases.workloads import Workload
from bench.report import tables
from bench.report.parts import published

VANILLA = Workload("any", T=50, B=16, I=1760, H=1760, O=0)
LSTM = Workload("other", T=25, B=128, I=1024, H=1024, O=0)


def case(workload, kernel, millis, cell, phase="forward", scope="recurrence", dtype="float32"):
    result = timed(workload, kernel, millis, scope, cell)
    return replace(result, case=replace(result.case, phase=phase, dtype=dtype))


def rows(*cases):
    return tables.frame(run(*cases)).assign(suite="deepbench")


def test_every_shape_of_its_training_set_is_there():
    known = {key[:4] for key in published.times().index}
    lists = {"relu": deepbench.VANILLA, "lstm": deepbench.LSTM, "gru": deepbench.GRU}
    ours = {(cell, w.H, w.B, w.T) for cell, shapes in lists.items() for w in shapes if w.B > 1}
    assert known == ours


def test_its_times_give_the_speeds_of_its_readme():
    """Its README has 11.85 TFLOP/s for this GRU on a V100, by earlier software."""
    seconds = published.times().loc[("gru", 2816, 32, 1500, "forward", "mixed"), "Tesla V100"]
    assert 3 * 2 * 1500 * 32 * 2816**2 / seconds / 1e12 == pytest.approx(11.85, rel=0.1)


def test_the_fastest_here_stands_beside_what_was_published_for_its_shape():
    found = published.section(
        rows(
            case(VANILLA, "scan", 9.0, "relu"),
            case(VANILLA, "native", 7.0, "relu"),
            case(VANILLA, "native", 20.0, "relu", "train"),
            case(LSTM, "scan", 3.0, "lstm", dtype="bfloat16"),
            case(VANILLA, "scan", 1.0, "relu", scope="model"),
            case(VANILLA, "scan", 1.0, "tanh"),
        )
    ).table.cells
    known = found[["cell", "pass", "fastest here", "time here", "Tesla V100"]]
    assert known.to_numpy().tolist() == [
        ["relu", "forward", "native", "7.00 ms", "4.20 ms"],
        ["relu", "train", "native", "20.0 ms", "7.67 ms"],  # 4.201 + 2.881 + 0.588
        ["lstm", "forward", "scan", "3.00 ms", "1.63 ms"],
    ]
    assert found["Radeon Instinct MI25"].tolist() == ["3.38 ms", "", ""]


def test_of_other_shapes_nothing_is_said():
    assert published.section(rows(*TYPICAL.cases)) is None


def test_every_number_has_its_source():
    with published.TIMES.open(encoding="utf-8") as file:
        read = pd.read_csv(file, comment="#")
    assert read[["forward_ms", "file", "sheet", "row"]].notna().all(axis=None)
    assert not read.duplicated(["file", "sheet", "row"]).any()
