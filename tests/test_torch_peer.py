"""torch.nn.RNN with our weights gives our oracle's outputs and gradients (where torch is)."""

from dataclasses import replace

import pytest

from bench.peers import torch_rnn
from bench.plan import Case
from bench.tolerance import tolerance
from bench.workloads import Workload

SHAPE = Workload("awkward", T=5, B=3, I=2, H=7, O=4)


@pytest.mark.parametrize("phase", ["forward", "train"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("outputs", [4, 0])
def test_same_outputs_and_gradients(phase, dtype, activation, outputs):
    pytest.importorskip("torch")
    shape = replace(SHAPE, O=outputs)
    case = Case(shape, "model", phase, dtype, activation, "torch")
    subject = torch_rnn.prepare(case, device="cpu")
    assert subject.error(subject.call()) <= tolerance(shape, dtype, phase)


def test_what_it_cannot_do_it_says():
    assert "GPU only" in torch_rnn.unavailable("cpu")
    alone = Case(SHAPE, "recurrence", "forward", "float32", "relu", "torch")
    assert "includes the input projection" in torch_rnn.unsupported(alone)
    assert torch_rnn.unsupported(Case(SHAPE, "model", "train", "float32", "relu", "torch")) is None
