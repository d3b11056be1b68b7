"""Other libraries with our weights give our oracle's outputs and gradients, where they are."""

from dataclasses import replace

import pytest

from bench.cases.case import Case
from bench.cases.tolerance import tolerance
from bench.cases.workloads import Workload
from bench.contenders.peers import flash_rnn, flax_nnx, onnx_runtime, peer, torch_rnn
from bench.contenders.registry import PEERS
from bench.workers.placement import RemoteSubject, place

SHAPE = Workload("awkward", T=5, B=3, I=2, H=7, O=4)
BUILDERS = {
    "torch": lambda case: peer.subject(case, torch_rnn.build(case, "cpu")),
    "onnxruntime": lambda case: peer.subject(case, onnx_runtime.build(case)),
    "flax": flax_nnx.prepare,
}


def case_of(peer, phase="forward", dtype="float32", activation="relu", shape=SHAPE):
    return Case(shape, "model", phase, dtype, activation, peer)


@pytest.mark.parametrize("peer", BUILDERS)
@pytest.mark.parametrize("phase", ["forward", "train"])
@pytest.mark.parametrize(
    ("dtype", "activation", "outputs"),
    [("float32", "relu", 4), ("float32", "tanh", 0), ("bfloat16", "tanh", 4)],
)
def test_same_outputs_and_gradients(peer, phase, dtype, activation, outputs):
    case = case_of(peer, phase, dtype, activation, replace(SHAPE, O=outputs))
    if reason := PEERS[peer].unavailable("cpu") or PEERS[peer].unsupported(case):
        pytest.skip(reason)
    subject = BUILDERS[peer](case)
    assert subject.error(subject.call()) <= tolerance(case.workload, dtype, phase)


@pytest.mark.parametrize("dtype", ["bfloat16", "tf32"])
@pytest.mark.parametrize("phase", ["forward", "train"])
def test_flashrnn_in_its_plain_backend(phase, dtype):
    pytest.importorskip("flashrnn")
    case = case_of("flashrnn", phase, dtype, "tanh")
    subject = peer.subject(case, flash_rnn.build(case, "cpu", "vanilla"))
    assert subject.error(subject.call()) <= tolerance(SHAPE, dtype, phase)


def test_what_they_cannot_do_they_say():
    assert "NVIDIA GPU" in torch_rnn.unsupported(case_of("torch", dtype="tf32"))
    assert "NVIDIA GPU" in flax_nnx.unsupported(case_of("flax", dtype="tf32"))
    assert "does not train" in onnx_runtime.unsupported(case_of("onnxruntime", "train"))
    assert "float32 only" in onnx_runtime.unsupported(case_of("onnxruntime", dtype="bfloat16"))
    assert "tanh only" in flash_rnn.unsupported(case_of("flashrnn", dtype="bfloat16"))
    assert "as TF32" in flash_rnn.unsupported(case_of("flashrnn", activation="tanh"))
    for name in BUILDERS:
        assert PEERS[name].unsupported(case_of(name)) is None


MODULES = {
    "torch": torch_rnn,
    "onnxruntime": onnx_runtime,
    "flax": flax_nnx,
    "flashrnn": flash_rnn,
}


@pytest.mark.parametrize("peer", PEERS)
def test_one_that_is_not_installed_says_so(peer, monkeypatch):
    monkeypatch.setattr(MODULES[peer], "find_spec", lambda name: None)
    assert PEERS[peer].unavailable("cpu") == f"{peer} is not installed"


@pytest.mark.parametrize("peer", ["torch", "onnxruntime"])
def test_a_peer_with_threads_is_timed_outside(peer):
    if reason := PEERS[peer].unavailable("cpu"):
        pytest.skip(reason)
    result, subject = place(case_of(peer), 300.0)
    assert isinstance(subject, RemoteSubject) and result.status == "ok"
    assert subject.sample(0.01) and subject.error() <= result.tolerance
