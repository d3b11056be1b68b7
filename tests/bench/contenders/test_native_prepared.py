"""The row `native-prepared`: the forward pass of `native`, on params that are packed before."""

import pytest

from bench.cases.case import Case
from bench.cases.suites import Problem
from bench.cases.tolerance import tolerance
from bench.cases.workloads import Workload
from bench.contenders import combinations, registry

SHAPE = Workload("awkward", T=5, B=3, I=2, H=7, O=4)
STACK = Workload("stack", T=5, B=3, I=2, H=7, O=4, layers=2, bidirectional=True, lengths="uniform")


def case_of(shape=SHAPE, phase="forward", dtype="float32", cell="lstm"):
    return Case(shape, "model", phase, dtype, cell, "native-prepared")


@pytest.mark.parametrize("cell", ["relu", "lstm"])
@pytest.mark.parametrize("shape", [SHAPE, STACK])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_what_it_infers(shape, dtype, cell):
    case = case_of(shape, dtype=dtype, cell=cell)
    if reason := registry.unsupported(case):
        pytest.skip(reason)
    subject = registry.prepare(case)
    assert subject.error(subject.call()) <= tolerance(shape, dtype, cell)


def test_what_it_does_not():
    assert registry.unsupported(case_of(phase="train")) == "prepared params are for inference"
    assert "NVIDIA GPU" in registry.unsupported(case_of(dtype="tf32"))
    problems = [Problem(SHAPE, "float32", "lstm")]
    phases = ("forward", "backward", "train")
    found = combinations.cases(problems, ["native-prepared"], phases)
    assert [(case.scope, case.phase) for case in found] == [
        ("model", "forward"),
        ("model", "train"),
    ]
