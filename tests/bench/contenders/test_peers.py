"""Other libraries with our weights give our oracle's outputs and gradients, where they are."""

from dataclasses import replace
from functools import partial

import pytest
from jax.experimental import rnn as jax_rnn

from bench.cases.case import CELLS, Case
from bench.cases.tolerance import tolerance
from bench.cases.workloads import Workload
from bench.contenders.peers import (
    flash_rnn,
    flax_nnx,
    jax_cudnn,
    onnx_model,
    onnx_runtime,
    openvino_cpu,
    peer,
    torch_rnn,
)
from bench.contenders.registry import WHOLE
from bench.workers.placement import RemoteSubject, place

SHAPE = Workload("awkward", T=5, B=3, I=2, H=7, O=4)
BUILDERS = {
    "torch": lambda case: peer.subject(case, torch_rnn.build(case, "cpu")),
    "onnxruntime": onnx_runtime.prepare,
    "openvino": openvino_cpu.prepare,
    "flax": flax_nnx.prepare,
}


def case_of(peer, phase="forward", dtype="float32", cell="relu", shape=SHAPE):
    return Case(shape, "model", phase, dtype, cell, peer)


def check(case, subject):
    allowed = tolerance(case.workload, case.dtype, case.cell, case.phase)
    assert subject.error(subject.call()) <= allowed


@pytest.mark.parametrize("peer", BUILDERS)
@pytest.mark.parametrize("phase", ["forward", "train"])
@pytest.mark.parametrize(
    ("dtype", "cell", "outputs"),
    [
        *(("float32", cell, 4) for cell in CELLS),
        ("float32", "tanh", 0),
        *(("bfloat16", cell, 4) for cell in ("tanh", "gru", "lstm")),
    ],
)
def test_same_outputs_and_gradients(peer, phase, dtype, cell, outputs):
    case = case_of(peer, phase, dtype, cell, replace(SHAPE, O=outputs))
    if reason := WHOLE[peer].unavailable("cpu") or WHOLE[peer].unsupported(case):
        pytest.skip(reason)
    check(case, BUILDERS[peer](case))


UNEVEN = replace(SHAPE, name="uneven", lengths="uniform")
STACK = replace(SHAPE, name="stack", layers=2)


@pytest.mark.parametrize("peer", BUILDERS)
@pytest.mark.parametrize("phase", ["forward", "train"])
@pytest.mark.parametrize(
    ("cell", "shape"),
    [
        ("gru", UNEVEN),
        ("relu", replace(STACK, bidirectional=True)),
        ("gru", replace(STACK, bidirectional=True, lengths="uniform")),
        ("lstm", replace(STACK, bidirectional=True, lengths="uniform")),
        ("lstm", replace(STACK, layers=3, lengths="uniform")),
        ("tanh", replace(UNEVEN, bidirectional=True, O=0)),
    ],
)
def test_layers_directions_and_lengths(peer, phase, cell, shape):
    case = case_of(peer, phase, cell=cell, shape=shape)
    if reason := WHOLE[peer].unavailable("cpu") or WHOLE[peer].unsupported(case):
        pytest.skip(reason)
    check(case, BUILDERS[peer](case))


@pytest.mark.parametrize("shape", [UNEVEN, STACK, replace(SHAPE, bidirectional=True)])
def test_who_is_not_measured_with_them_says_so(shape):
    for module, dtype in ((jax_cudnn, "float32"), (flash_rnn, "bfloat16")):
        case = case_of("", dtype=dtype, cell="lstm", shape=shape)
        assert module.unsupported(case).startswith("not measured with several layers")


@pytest.mark.parametrize("cell", flash_rnn.FUNCTIONS)
@pytest.mark.parametrize("dtype", ["bfloat16", "tf32"])
@pytest.mark.parametrize("phase", ["forward", "train"])
def test_flashrnn_in_its_plain_backend(phase, dtype, cell):
    pytest.importorskip("flashrnn")
    case = case_of("flashrnn", phase, dtype, cell)
    check(case, peer.subject(case, flash_rnn.build(case, "cpu", "vanilla")))


def plain_lstm(x, h_0, c_0, weights, seq_lengths, precision, **sizes):
    shape = [sizes[name] for name in ("input_size", "hidden_size", "num_layers", "bidirectional")]
    unpacked = jax_rnn.unpack_lstm_weights(weights, *shape)
    return jax_rnn.lstm_ref(x, h_0, c_0, *unpacked, seq_lengths, **sizes)


@pytest.mark.parametrize("phase", ["forward", "train"])
def test_the_lstm_of_jax_in_its_plain_reference(phase):
    case = case_of("jax-cudnn", phase, cell="lstm")
    check(case, jax_cudnn.build(case, plain_lstm))


def test_what_they_cannot_do_they_say():
    assert "NVIDIA GPU" in torch_rnn.unsupported(case_of("torch", dtype="tf32"))
    assert "NVIDIA GPU" in flax_nnx.unsupported(case_of("flax", dtype="tf32"))
    assert "does not train" in onnx_runtime.unsupported(case_of("onnxruntime", "train"))
    assert "float32 only" in onnx_runtime.unsupported(case_of("onnxruntime", dtype="bfloat16"))
    assert "does not train" in openvino_cpu.unsupported(case_of("openvino", "train"))
    assert "float32 only" in openvino_cpu.unsupported(case_of("openvino", dtype="bfloat16"))
    assert "tanh only" in flash_rnn.unsupported(case_of("flashrnn", dtype="bfloat16"))
    assert "as TF32" in flash_rnn.unsupported(case_of("flashrnn", cell="gru"))
    assert "LSTM only" in jax_cudnn.unsupported(case_of("jax-cudnn", cell="gru"))
    lstm = partial(case_of, "jax-cudnn", cell="lstm")
    assert "float32 only" in jax_cudnn.unsupported(lstm(dtype="bfloat16"))
    assert jax_cudnn.unsupported(lstm()) is jax_cudnn.unsupported(lstm(dtype="tf32")) is None
    assert jax_cudnn.unavailable("cpu") == "needs an NVIDIA GPU; this is cpu"
    for name in BUILDERS:
        assert all(WHOLE[name].unsupported(case_of(name, cell=cell)) is None for cell in CELLS)


MODULES = {
    "torch": torch_rnn,
    "onnxruntime": onnx_model,
    "openvino": onnx_model,
    "flax": flax_nnx,
    "flashrnn": flash_rnn,
}


@pytest.mark.parametrize("peer", MODULES)
def test_one_that_is_not_installed_says_so(peer, monkeypatch):
    monkeypatch.setattr(MODULES[peer], "find_spec", lambda name: None)
    assert WHOLE[peer].unavailable("cpu") == f"{peer} is not installed"


@pytest.mark.parametrize("peer", ["torch", "onnxruntime", "openvino"])
def test_a_peer_with_threads_is_timed_outside(peer):
    if reason := WHOLE[peer].unavailable("cpu"):
        pytest.skip(reason)
    result, subject = place(case_of(peer, cell="lstm"), 300.0)
    assert isinstance(subject, RemoteSubject) and result.status == "ok"
    assert subject.sample(0.01) and subject.error() <= result.tolerance
