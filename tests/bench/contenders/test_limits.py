"""What cannot fit, or takes too long, is unsupported in words, whichever kernel it is for."""

from dataclasses import replace

import pytest

from bench.cases.case import PASSES, SCOPES, Case
from bench.cases.suites import SUITES
from bench.cases.workloads import mission
from bench.contenders import limits, registry
from bench.contenders.limits import GIB, too_large
from bench.timing import processor

CASE = Case(mission(500), "model", "forward", "float32", "relu", "scan")


@pytest.fixture(autouse=True)
def small_machine(monkeypatch):
    monkeypatch.setattr(limits, "available_bytes", lambda: 12 * GIB)
    monkeypatch.setattr(processor, "threads", lambda: 2)


def shaped(**sizes):
    return replace(CASE, workload=replace(CASE.workload, **sizes))


def test_every_suite_fits_a_small_machine():
    every = (
        Case(workload, scope, phase, dtype, cell, "scan")
        for suite in SUITES.values()
        for workload, dtype, cell in suite.problems("cpu", None, None)
        for scope in SCOPES
        for phase in PASSES
    )
    assert [case for case in every if too_large(case)] == []


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_what_deepbench_times_of_its_short_list_fits_too(cell):
    problems = SUITES["deepbench-short"].problems("cpu", None, [cell])
    for workload, dtype, _ in problems:
        assert not too_large(Case(workload, "recurrence", "train", dtype, cell, "scan"))


def test_what_a_gate_keeps_must_fit_as_well():
    train = replace(shaped(B=300), phase="train")
    assert too_large(train) is None
    assert "GiB of memory" in too_large(replace(train, cell="lstm"))


@pytest.mark.parametrize("kernel", ["scan", "native", "onnxruntime"])
def test_no_kernel_is_given_what_does_not_fit(kernel):
    giant = shaped(T=1000, B=1000, H=2000)
    assert "GiB of memory" in registry.unsupported(replace(giant, kernel=kernel))


def test_memory_is_named_as_needed_and_as_there():
    assert too_large(shaped(B=1000, H=500)) == "needs 30.9 GiB of memory, has 12.0 GiB"


def test_what_just_fits_is_measured(monkeypatch):
    need = sum(vars(limits.cost.memory(CASE.workload, "relu", "forward", 4)).values())
    for has, fits in ((need, True), (need - 1, False)):
        monkeypatch.setattr(limits, "available_bytes", lambda has=has: has)
        assert (too_large(CASE) is None) == fits


def test_a_gpus_memory_is_its_own(monkeypatch):
    monkeypatch.setattr(limits, "current_platform", lambda: "gpu")
    monkeypatch.setattr(limits, "available_on_device", lambda: 10**7)
    assert too_large(CASE) == "needs 0.2 GiB of GPU memory, has 0.0 GiB"
    monkeypatch.setattr(limits, "available_on_device", lambda: None)
    assert too_large(CASE) is None
    monkeypatch.setattr(limits, "available_bytes", lambda: 0)
    assert "GiB of memory, has 0.0 GiB" in too_large(CASE)


@pytest.mark.parametrize(
    "sizes",
    [
        {"T": 7_000_000, "B": 1, "I": 1, "H": 1, "O": 1},  # steps
        {"T": 1000, "B": 256, "I": 1, "H": 1600, "O": 1},  # products
        {"T": 1, "B": 1, "I": 1, "H": 8000, "O": 1},  # making W_h orthogonal
    ],
)
def test_minutes_without_a_result_are_refused(sizes, monkeypatch):
    monkeypatch.setattr(limits, "available_bytes", lambda: 2**60)
    assert "minutes on 2 threads; at most 2 may pass without a result" in too_large(shaped(**sizes))
    halves = {axis: -(-size // 2) for axis, size in sizes.items()}
    assert too_large(shaped(**halves)) is None


def test_more_cores_do_more_in_that_time(monkeypatch):
    long = shaped(T=500, B=512, I=1, H=1600, O=1)
    monkeypatch.setattr(limits, "available_bytes", lambda: 2**60)
    assert too_large(long)
    monkeypatch.setattr(processor, "threads", lambda: 16)
    assert too_large(long) is None
