"""What suites measure, of which cells."""

import pytest

from bench.cases.suites import SUITES, Suite
from bench.cases.workloads import Workload, mission

TWO = Suite((mission(1), mission(2)), own={"gru": (mission(3),)}, beside={"lstm": (mission(2),)})


def listed(suite, *arguments):
    """As (T, dtype, cell)."""
    return [(w.T, dtype, cell) for w, dtype, cell in suite.problems(*arguments)]


def test_of_further_cells_there_is_less_by_default():
    assert listed(TWO, "cpu", None, None) == [
        *((T, "float32", "relu") for T in (1, 2)),
        (2, "float32", "lstm"),
    ]
    on_gpu = listed(TWO, "gpu", None, None)
    assert [dtype for _, dtype, cell in on_gpu if cell == "relu"] == ["bfloat16", "float32"] * 2
    assert [dtype for _, dtype, cell in on_gpu if cell == "lstm"] == ["float32"]
    assert (2, "float16", "lstm") in listed(TWO, "gpu", ["float16"], None)


def test_a_cell_that_is_named_has_every_shape():
    assert listed(TWO, "cpu", None, ["lstm", "tanh"]) == [
        *((T, "float32", "tanh") for T in (1, 2)),
        *((T, "float32", "lstm") for T in (1, 2)),
    ]


def test_a_cell_may_have_shapes_of_its_own():
    assert listed(TWO, "cpu", None, ["gru"]) == [(3, "float32", "gru")]


@pytest.mark.parametrize(
    ("suite", "cells", "label"),
    [
        (TWO, None, ()),
        (TWO, ["relu"], ("relu",)),  # which is less than by default
        (TWO, ["lstm", "relu"], ("relu", "lstm")),
        (Suite((mission(1),)), ["relu"], ()),
        (Suite((mission(1),)), ["gru"], ("gru",)),
    ],
)
def test_only_what_is_not_the_default_has_another_name(suite, cells, label):
    assert suite.label(cells) == label


def test_suites_hold_what_they_promise():
    default = SUITES["default"]
    mission = {(w.T, w.B, w.I, w.H, w.O) for w in default.shapes}
    assert {(T, 50, 128, 256, 128) for T in (1, 50, 100, 500)} < mission
    assert default.beside.keys() == {"gru", "lstm"}
    assert all(set(shapes) < set(default.shapes) for shapes in default.beside.values())
    assert {(w.T, w.B) for w in SUITES["flashrnn"].shapes} == {(1024, 16)}
    assert max(w.H for w in SUITES["flashrnn"].shapes) == 768
    for suite in SUITES.values():
        for shapes in (suite.shapes, *suite.own.values()):
            assert len({w.name for w in shapes}) == len(shapes)
            assert all(isinstance(w, Workload) for w in shapes)


def sizes(shapes):
    return {(w.H, w.B, w.T) for w in shapes}


def test_deepbench_has_the_lists_of_its_source():
    """`training_set` and `inference_device_set`, counted there."""
    suite, short = SUITES["deepbench"], SUITES["deepbench-short"]
    training = {(H, B, 50) for H in (1760, 2048, 2560) for B in (16, 32, 64, 128)}
    assert sizes(suite.shapes) == training | {(32, 1, 672), (64, 1, 96)}
    assert len(suite.own["lstm"]) == 22 + 1 and len(suite.own["gru"]) == 19
    assert {(4096, 128, 25), (1536, 8, 50), (256, 64, 150)} < sizes(suite.own["lstm"])
    assert {(2816, 32, 1500), (512, 32, 1), (1024, 64, 1500)} < sizes(suite.own["gru"])
    assert sizes(short.shapes) == {(H, 16, 50) for H in (1760, 2048, 2560)} | {
        *((32, 1, 672), (64, 1, 96))
    }
    for cell, shapes in short.own.items():
        assert set(shapes) < set(suite.own[cell])
