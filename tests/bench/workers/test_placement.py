"""A contender in its own process: measured there, stopped in between, replaced when it dies."""

import os
import signal
import subprocess
import sys
from dataclasses import replace

import psutil
import pytest
from helpers.trees import copy_of_kernels

from bench.cases.case import Case, Place
from bench.cases.workloads import Workload
from bench.contenders import own, registry
from bench.timing import host
from bench.workers import client, placement
from bench.workers.client import WorkerDied
from bench.workers.messages import Item, Request, Start
from bench.workers.unpacked import Unpacked
from kernels.registry import KERNELS

LIMIT_S = 300.0
TINY = Workload("tiny", T=3, B=2, I=2, H=4, O=2)


def case_of(kernel):
    return Case(TINY, "model", "forward", "float32", "relu", kernel)


@pytest.fixture
def outside(monkeypatch):
    """Every kernel has a process of its own, that ends with the test."""
    clients = {}
    monkeypatch.setattr(placement, "_clients", clients)
    monkeypatch.setattr(placement, "_held", {})
    monkeypatch.setattr(registry, "has_threads", lambda name: True)
    yield clients
    for each in clients.values():
        each.end()


def process_of(client):
    return psutil.Process(client._process.pid)


def test_a_case_is_checked_and_timed_there_and_stopped_in_between(outside):
    result, subject = placement.place(case_of("scan"), LIMIT_S)
    process = process_of(outside["scan", Place()])
    assert result.status == "ok" and 0 < result.error <= result.tolerance
    assert result.compile_s > 0 and process.pid != os.getpid()
    assert process.status() == psutil.STATUS_STOPPED
    samples = subject.sample(0.05)
    assert len(samples) >= 3 and all(0 < sample < 1 for sample in samples)
    assert process.status() == psutil.STATUS_STOPPED
    assert subject.error() == result.error


def test_one_case_at_a_time(outside):
    _, first = placement.place(case_of("scan"), LIMIT_S)
    _, second = placement.place(
        Case(TINY, "recurrence", "forward", "float32", "relu", "scan"), LIMIT_S
    )
    assert second.sample(0.01)
    with pytest.raises(placement.RemoteError, match="KeyError"):
        first.sample(0.01)


@pytest.fixture
def inside(outside, monkeypatch):
    """A kernel has a process of its own only where something asks for it."""
    monkeypatch.setattr(registry, "has_threads", lambda name: False)
    return outside


def test_fewer_cores_are_another_process_that_has_no_more(inside):
    case = replace(case_of("scan"), cores=1)
    result, subject = placement.place(case, LIMIT_S, "hoisted, unroll 1")
    assert (result.status, result.variant) == ("ok", "hoisted, unroll 1")
    assert result.case.cores == 1 and subject.sample(0.01)
    assert len(process_of(inside["scan", Place(cores=1)]).cpu_affinity()) == 1
    assert len(os.sched_getaffinity(0)) == len(psutil.Process().cpu_affinity())
    assert placement.place(case_of("scan"), LIMIT_S)[0].status == "ok" and len(inside) == 1


def test_the_best_scan_is_looked_for_on_as_many_cores(inside):
    result, _ = placement.place(replace(case_of("scan"), cores=1), LIMIT_S)
    assert result.status == "ok" and "unroll" in result.variant


def test_devices_that_share_a_cpu_are_checked_and_not_timed(inside):
    case = replace(case_of("scan"), devices=2)
    result, subject = placement.place(case, LIMIT_S)
    assert (result.status, result.reason) == ("emulated", "its devices share one CPU")
    assert 0 < result.error <= result.tolerance
    assert subject is None and list(inside) == [("scan", Place(devices=2))]


def test_ceilings_of_fewer_cores_are_measured_there(monkeypatch):
    asked = []
    monkeypatch.setattr(placement, "measure", lambda dtypes: asked.append(dtypes) or ())
    assert placement.ceilings(["float32"], None) == () and asked == [["float32"]]
    found = placement.ceilings(["float32"], 1)
    assert {ceiling.kind for ceiling in found} == {"arithmetic", "bandwidth", "serial"}
    assert {ceiling.cores for ceiling in found} == {1} and len(asked) == 1


def test_what_cannot_run_starts_no_process(outside):
    case = Case(TINY, "model", "forward", "tf32", "relu", "scan")
    result, subject = placement.place(case, LIMIT_S)
    assert result.status == "unsupported" and "NVIDIA GPU" in result.reason
    assert subject is None and not outside


RAISING = ("unrolled.py", "return half(", "raise ArithmeticError('no luck'); return half(")
SCANNED = "steps = pre, inside(lengths, len(pre))"
DYING = (
    "scan.py",
    SCANNED,
    f"jax.debug.callback(lambda: __import__('os')._exit(3))\n    {SCANNED}",
)


def test_what_is_raised_there_is_said_and_the_next_case_goes_on(outside, tmp_path, monkeypatch):
    root = str(copy_of_kernels(tmp_path, RAISING))
    monkeypatch.setattr(placement, "Start", lambda platform, *_: Start(platform, root))
    result, subject = placement.place(case_of("unrolled-full"), LIMIT_S)
    assert (result.status, result.reason) == ("failed", "ArithmeticError: no luck")
    assert subject is None
    assert placement.place(case_of("unrolled"), LIMIT_S)[0].status == "ok"


def test_a_process_that_dies_says_how_and_is_replaced(outside, tmp_path, monkeypatch):
    root = str(copy_of_kernels(tmp_path, DYING))
    with monkeypatch.context() as patched:
        patched.setattr(placement, "Start", lambda platform, *_: Start(platform, root))
        with pytest.raises(WorkerDied, match=r"scan: its process ended \(status 3\)"):
            placement.place(case_of("scan"), LIMIT_S)
    assert placement.place(case_of("scan"), LIMIT_S)[0].status == "ok"


def test_kernels_of_another_tree_run_outside_and_the_baseline_here(tmp_path, monkeypatch):
    clients = {}
    monkeypatch.setattr(placement, "_clients", clients)
    monkeypatch.setattr(placement, "_held", {})
    other = Unpacked("0" * 40, str(copy_of_kernels(tmp_path, RAISING)))
    for name, value in other.environment.items():
        monkeypatch.setenv(name, value)
    try:
        result, _ = placement.place(case_of("unrolled-full"), LIMIT_S)
        assert (result.status, result.reason) == ("failed", "ArithmeticError: no luck")
        result, subject = placement.place(case_of("scan"), LIMIT_S, "hoisted, unroll 1")
        assert result.variant == "hoisted, unroll 1"
        assert not isinstance(subject, placement.RemoteSubject)
        (tmp_path / "kernels" / "names.py").write_text("KERNELS = {}")
        clients.pop(("unrolled-full", Place())).end()
        result, subject = placement.place(case_of("unrolled-full"), LIMIT_S)
        assert (result.status, subject) == ("unsupported", None)
        assert result.reason == "there is no kernel 'unrolled-full'"
    finally:
        for each in clients.values():
            each.end()


@pytest.mark.parametrize(
    ("script", "how"),
    [
        ("echo first >&2; echo last >&2; exit 0", "(status 0): last"),
        ("exit 1", "(status 1): it said nothing"),
        ("kill -USR1 $$", "(killed by SIGUSR1): it said nothing"),
    ],
)
def test_how_a_process_ended_is_said(script, how, tmp_path, monkeypatch):
    (tmp_path / "python").write_text(f"#!/bin/sh\n{script}\n")
    (tmp_path / "python").chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with client.Client("scan", Start("cpu")) as worker, pytest.raises(WorkerDied) as caught:
        worker.answer()
    assert str(caught.value) == f"scan: its process ended {how}"
    pipes = worker._process.stdin, worker._process.stdout
    assert not worker.alive and all(pipe.closed for pipe in pipes)


def test_a_late_answer_ends_the_process(outside):
    with pytest.raises(WorkerDied, match=r"scan: no answer within 0\.009"):
        placement.place(case_of("scan"), 0.01)
    assert outside["scan", Place()]._process.wait() == -signal.SIGKILL


STARTING = (
    "scan.py",
    "import jax\n",
    "import subprocess\n\nimport jax\n\nsubprocess.Popen(['sleep', '600'])\n",
)


def test_an_ended_worker_takes_what_it_started_along(tmp_path):
    with client.Client("scan", Start("cpu", str(copy_of_kernels(tmp_path, STARTING)))) as worker:
        worker.answer()
        worker.ask(Request("prepare", Item(case_of("scan"))))
        worker.answer()
        (started,) = process_of(worker).children()
        assert started.name() == "sleep"
    assert not psutil.wait_procs([started], timeout=60)[1]
    assert worker._process.returncode == -signal.SIGKILL


def test_a_kernel_that_is_not_there_is_absent():
    with client.Client("scan", Start("cpu")) as worker:
        worker.answer()
        worker.ask(Request("prepare", Item(case_of("nobody"))))
        answer = worker.answer()
    assert (answer.status, answer.reason) == ("absent", "there is no kernel 'nobody'")


WITH_A_WORKER = """
import sys
from bench.workers.client import Client
from bench.workers.messages import Start

client = Client("scan", Start("cpu"))
client.answer()
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


def test_a_kernel_of_the_users_own_is_known_there(inside, tmp_path, monkeypatch):
    (tmp_path / "of_a_user.py").write_text("from kernels.scan import KERNEL\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(KERNELS, "data", dict(KERNELS.data))
    own.registered(["of_a_user:KERNEL"])
    result, subject = placement.place(replace(case_of("of_a_user"), cores=1), LIMIT_S)
    assert result.status == "ok" and subject.sample(0.01)


SAYS_HOW_IT_IS_CALLED = """
from dataclasses import replace
import jax
from kernels import scan

def forward(*arrays, **options):
    raise RuntimeError(f"async {jax.config.read('jax_cpu_enable_async_dispatch')}")

KERNEL = replace(scan.KERNEL, forward=forward, whole=None)
"""


@pytest.mark.parametrize("async_dispatch", [True, False])
def test_jax_waits_for_a_program_there_where_it_does_here(
    inside, tmp_path, monkeypatch, async_dispatch
):
    name = f"saying_{async_dispatch}".lower()
    (tmp_path / f"{name}.py").write_text(SAYS_HOW_IT_IS_CALLED)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(KERNELS, "data", dict(KERNELS.data))
    monkeypatch.setattr(host, "async_dispatch", lambda: async_dispatch)
    own.registered([f"{name}:KERNEL"])
    result, _ = placement.place(replace(case_of(name), cores=1), LIMIT_S)
    assert result.reason == f"RuntimeError: async {async_dispatch}"
