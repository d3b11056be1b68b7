"""What else the machine did: read from counters, without this process's own share."""

import subprocess
import sys
from types import SimpleNamespace

import psutil
import pytest

from bench.records.facts import GpuConditions
from bench.timing import conditions
from bench.timing.conditions import Moment, others, parse


@pytest.mark.parametrize(
    ("busy", "own", "share"),
    [(0.0, 0.0, 0.0), (10.0, 10.0, 0.0), (15.0, 10.0, 0.25), (9.0, 10.0, 0.0), (99.0, 0.0, 1.0)],
)
def test_others_are_what_is_not_ours(busy, own, share):
    start, end = Moment(5.0, 100.0, 50.0), Moment(15.0, 100.0 + busy, 50.0 + own)
    assert others(start, end, cores=2) == pytest.approx(share)


def test_no_time_is_nobodys():
    now = Moment(1.0, 1.0, 1.0)
    assert others(now, now, cores=2) == 0.0


def test_counters_of_this_machine_can_be_read():
    begun = conditions.now()
    assert begun.busy > 0 and begun.own > 0
    sum(range(10**6))
    seen = conditions.since(begun, lambda: None, on_gpu=False)
    assert 0 <= seen.others <= 1 and seen.gpu is None
    assert seen.cpu_mhz is None or seen.cpu_mhz > 0


def test_a_core_is_busy_unless_idle_or_waiting_for_a_disk(monkeypatch):
    """Also where the host gave its time to another guest."""
    spent = {"user": 1.0, "nice": 2.0, "system": 4.0, "irq": 8.0, "softirq": 16.0, "steal": 32.0}
    core = SimpleNamespace(**spent, idle=100.0, iowait=200.0, guest=400.0)
    monkeypatch.setattr(psutil, "cpu_times", lambda percpu: [core] * 64)
    monkeypatch.setattr(psutil.Process, "cpu_affinity", lambda self: [3, 5])
    assert conditions.now().busy == 2 * 63


def test_a_gpu_is_asked_while_it_works(tmp_path, monkeypatch):
    """This tool answers once it has seen a call."""
    tool, seen = tmp_path / "nvidia-smi", tmp_path / "seen"
    answer = "1980 MHz, 2619 MHz, 0x0000000000000005"
    tool.write_text(f"#!/bin/sh\nwhile [ ! -e {seen} ]; do :; done\necho '{answer}'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    found = conditions.since(conditions.now(), seen.touch, on_gpu=True)
    assert found.gpu == GpuConditions("1980 MHz, 2619 MHz", ("power cap",))


@pytest.mark.parametrize("line", ["", "No devices were found", "1980 MHz, [N/A]"])
def test_an_answer_that_is_none(line):
    assert parse(line) is None


def test_an_idle_gpu_is_not_held_back():
    assert parse("210 MHz, 405 MHz, 0x0000000000000001\n") == GpuConditions("210 MHz, 405 MHz", ())


def test_a_process_of_ours_is_no_stranger():
    program = "import sys; sum(range(10**6)); print('done', flush=True); sys.stdin.read()"
    before = conditions.now().own
    piped = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", program], **piped) as child:
        child.stdout.readline()
        took = sum(psutil.Process(child.pid).cpu_times()[:2])
        spent = conditions.now().own - before
    assert 0 < took <= spent + 1e-6  # the clocks tick by 0.01 s; their sums are rounded
