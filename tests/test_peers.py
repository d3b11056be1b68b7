"""Other libraries with our weights give our oracle's outputs and gradients, where they are."""

import os
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import psutil
import pytest

from bench.peers import PEERS, contract, flash_rnn, flax_nnx, onnx_runtime, remote, torch_rnn
from bench.peers.contract import Outputs, Runnable
from bench.plan import Case
from bench.tolerance import tolerance
from bench.workloads import Workload

SHAPE = Workload("awkward", T=5, B=3, I=2, H=7, O=4)
BUILDERS = {
    "torch": lambda case: contract.subject(case, torch_rnn.build(case)),
    "onnxruntime": lambda case: contract.subject(case, onnx_runtime.build(case)),
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
    subject = contract.subject(case, flash_rnn.build(case, "cpu", "vanilla"))
    assert subject.error(subject.call()) <= tolerance(SHAPE, dtype, phase)


def test_what_they_cannot_do_they_say():
    assert "NVIDIA GPU" in torch_rnn.unsupported(case_of("torch", dtype="tf32"))
    assert "NVIDIA GPU" in flax_nnx.unsupported(case_of("flax", dtype="tf32"))
    assert "does not train" in onnx_runtime.unsupported(case_of("onnxruntime", "train"))
    assert "float32 only" in onnx_runtime.unsupported(case_of("onnxruntime", dtype="bfloat16"))
    assert "tanh only" in flash_rnn.unsupported(case_of("flashrnn", dtype="bfloat16"))
    assert "as TF32" in flash_rnn.unsupported(case_of("flashrnn", activation="tanh"))
    for peer in BUILDERS:
        assert PEERS[peer].unsupported(case_of(peer)) is None


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


# What follows is about a process of its own, on a library that is nothing but NumPy.


def build(case):
    """States that are all zero, unless told to fail."""
    if case.activation == "tanh":
        raise ValueError("no tanh here")
    w = case.workload

    def call():
        if w.T == 2:
            os._exit(3)
        if w.T == 3:
            raise ArithmeticError("not for three steps")
        return os.getpid()

    return Runnable(call, lambda pid: Outputs(np.full((w.T, w.B, w.O), pid), np.zeros(w.H)), 0.5)


@pytest.fixture
def outside(monkeypatch):
    monkeypatch.setattr(remote, "_workers", {})


def stopped(pid):
    return psutil.Process(pid).status() == psutil.STATUS_STOPPED


def test_its_process_is_another_one_and_stopped_between_turns(outside):
    subject = remote.prepare(build, case_of("made up"))
    pid = int(subject.call().y[0, 0, 0])
    assert pid != os.getpid() and stopped(pid)
    samples, outputs = subject.sample(0.05)
    assert int(outputs.y[0, 0, 0]) == pid and stopped(pid)
    assert len(samples) >= 3 and all(0 < sample < 1 for sample in samples)
    assert subject.compile_s == 0.5


def test_what_it_raises_is_heard_and_the_next_case_goes_on(outside):
    with pytest.raises(remote.RemoteError, match="ValueError: no tanh here"):
        remote.prepare(build, case_of("made up", activation="tanh"))
    failing = remote.prepare(build, case_of("made up", shape=replace(SHAPE, T=3)))
    with pytest.raises(remote.RemoteError, match="ArithmeticError: not for three steps"):
        failing.call()
    with pytest.raises(remote.RemoteError, match="ArithmeticError: not for three steps"):
        failing.sample(0.01)
    assert remote.prepare(build, case_of("made up")).call().y.shape == (5, 3, 4)


def test_a_process_that_dies_is_replaced(outside):
    dying = remote.prepare(build, case_of("made up", shape=replace(SHAPE, T=2)))
    with pytest.raises(remote.RemoteError, match="the peer's process is gone"):
        dying.call()
    assert remote.prepare(build, case_of("made up")).call().y.shape == (5, 3, 4)


WITH_A_WORKER = """
import sys
from bench.peers import onnx_runtime, remote
from bench.plan import Case
from bench.workloads import Workload

try:  # installed or not, there is a process then
    shape = Workload("tiny", T=1, B=1, I=1, H=1, O=1)
    remote.prepare(onnx_runtime.build, Case(shape, "model", "forward", "float32", "relu", "any"))
except remote.RemoteError:
    pass
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("killed", [False, True])
def test_no_stopped_process_is_left_behind(killed):
    program = [sys.executable, "-c", WITH_A_WORKER]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout.readline() == b"ready\n"
        children = psutil.Process(parent.pid).children(recursive=True)
        assert any(child.status() == psutil.STATUS_STOPPED for child in children)
        if killed:
            parent.kill()
    assert not psutil.wait_procs(children, timeout=60)[1]
    assert parent.returncode == (-signal.SIGKILL if killed else 0)


@pytest.mark.parametrize("peer", ["torch", "onnxruntime"])
def test_a_peer_with_threads_is_timed_outside(peer, outside):
    if reason := PEERS[peer].unavailable("cpu"):
        pytest.skip(reason)
    case = case_of(peer)
    subject = PEERS[peer].prepare(case)
    samples, outputs = subject.sample(0.01)
    assert samples and subject.error(outputs) <= tolerance(case.workload, "float32")
