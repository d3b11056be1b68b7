"""Kernels that crash, hang or take all memory cost their own rows; an interrupted run goes on."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.cli_program import program

from bench.measuring import supervisor
from bench.records import store
from bench.timing.interrupts import Interrupt

SHAPE = ("--shape", "T=1,B=2,I=3,H=4,O=2", "--backend", "cpu", "--pass", "forward")
# What a kernel may do, planted under the names of others; only the recurrence is measured.
PLANTED = """
import ctypes
from dataclasses import replace
from kernels import scan
from kernels.registry import KERNELS
from bench.contenders import combinations

combinations.SCOPES = ("recurrence",)

def dereference_null(*arrays, **options):
    ctypes.string_at(0)

def abort(*arrays, **options):
    ctypes.CDLL(None).abort()

def hang(*arrays, **options):
    while True:
        ctypes.PyDLL(None).pause()

def allocate(*arrays, **options):
    taken = []
    while True:
        taken.append(bytearray(b"x" * 2**26))

def shout(*arrays, **options):
    print("x" * 2**22, flush=True)
    return scan.forward(*arrays, **options)

def answer_wrongly(*arrays, **options):
    steps = scan.forward(*arrays, **options)
    return steps._replace(h=2 * steps.h)

for name, half in {
    "scan-autodiff": dereference_null,
    "unrolled": abort,
    "unrolled-full": hang,
    "pallas": allocate,
    "mosaic": shout,
    "triton": answer_wrongly,
}.items():
    KERNELS[name] = replace(scan.KERNEL, forward=half)
"""
# Two GiB are more than the process takes by itself.
LITTLE_MEMORY = """
import psutil
supervisor.MEMORY_SHARE = 2**31 / psutil.virtual_memory().available
"""


def start(folder, code, *arguments, **options):
    """The benchmark, in this folder."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    command = [sys.executable, "-c", code, "run", *SHAPE, *arguments]
    return subprocess.Popen(command, cwd=folder, env=env, text=True, **options)


def only_file(folder: Path):
    (path,) = folder.glob("results/local/*/*.json")
    return store.load(path)


def test_what_a_kernel_dies_of_costs_its_own_row(tmp_path):
    kernels = ("scan", "scan-autodiff", "unrolled", "unrolled-full", "native", "pallas", "mosaic")
    code = program(PLANTED, LITTLE_MEMORY)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    arguments = ("--kernels", *kernels, "triton", "--seconds", "0.05", "--patience", "20")
    with start(tmp_path, code, *arguments, **pipes) as process:
        out, err = process.communicate(timeout=280)
    assert process.returncode == 1, err
    run = only_file(tmp_path)
    found = {result.case.kernel: result for result in run.cases}
    assert run.complete and len(found) == len(run.cases) == 8
    reasons = {name: result.reason for name, result in found.items()}
    assert "was killed by SIGSEGV at the step 'prepare'" in reasons["scan-autodiff"]
    assert "was killed by SIGABRT at the step 'prepare'" in reasons["unrolled"]
    assert "did not end within 20 s at the step 'prepare'" in reasons["unrolled-full"]
    assert re.search(r"took more than (1\.[5-9]|2\.[0-5]) GiB of memory", reasons["pallas"])
    assert found["triton"].status == "wrong"
    failed = {name for name, result in found.items() if result.status == "failed"}
    assert failed == {"scan-autodiff", "unrolled", "unrolled-full", "pallas"}
    for name in {"scan", "native", "mosaic"} & set(found):
        assert (found[name].status, bool(found[name].visits)) == ("ok", True), reasons
    assert "FAILED" in out and "goes on without it" in err


def test_a_process_that_dies_before_any_case_is_not_started_again(tmp_path):
    code = program("import os\nprint('once', flush=True)\nos.abort()")
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with start(tmp_path, code, "--kernels", "scan", **pipes) as process:
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (1, "once\n")
    assert "bench: the measuring process was killed by SIGABRT at the step 'start'" in err


IMMOVABLE = """
import signal
import bench.measuring.session
def ceilings(dtypes, cores):
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    print("immovable", flush=True)
    while True:
        signal.pause()
bench.measuring.session.ceilings = ceilings
"""


def test_a_second_interrupt_ends_what_the_first_could_not(tmp_path):
    code = program(IMMOVABLE)
    with start(tmp_path, code, "--kernels", "scan", stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == "immovable\n"
        process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=0.5)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 128 + signal.SIGINT


# A child that believes in a clean checkout, for a run of a changed one cannot be resumed.
CLEAN = """
from bench.records.facts import Source
from bench.timing import host
host.source = lambda: Source("0" * 40, dirty=False)
"""


ONE_GROUP = """
from bench.measuring.session import Session
finish = Session._finish
def one_group(self, case, result):
    finish(self, case, result)
    if len(self.run.cases) == 2:
        raise KeyboardInterrupt
Session._finish = one_group
"""


def test_an_interrupted_run_goes_on_where_it_was(tmp_path):
    arguments = ("--kernels", "unrolled", "unrolled-full", "--seconds", "0.05")
    with start(tmp_path, program(CLEAN + ONE_GROUP), *arguments) as process:
        process.wait(timeout=120)
    first = only_file(tmp_path)
    assert len(first.cases) == 2 and not first.complete
    with start(tmp_path, program(CLEAN), *arguments, "--resume") as process:
        assert process.wait(timeout=120) == 0
    second = only_file(tmp_path)
    assert second.complete and len(second.cases) == 4
    assert second.cases[:2] == first.cases
    assert second.started == first.started and second.seconds > first.seconds


VISITING = """
import json, os, sys
from pathlib import Path
descriptor, resumed, *words = sys.argv[1:]
name, visits = words
with Path("order").open("a") as file:
    print(name, resumed, os.environ["OF"], file=file)
done = Path("order").read_text().count(f"{name} ") == int(visits)
step = {"what": "done", "path": f"{name}.json", "more": not done, "status": int(name == "b")}
os.write(int(descriptor), json.dumps(step).encode() + bytes([10]))
"""


def test_runs_take_turns_and_each_goes_on_with_its_own_file(tmp_path, monkeypatch):
    """A visit each, every other time in the opposite order; one that has ended has no more."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(supervisor, "CHILD", ("-c", VISITING))
    commands = [
        supervisor.Command((name, visits), {"OF": name.upper()})
        for name, visits in (("a", "3"), ("b", "2"), ("c", "4"))
    ]
    assert supervisor.interleaved(commands, Interrupt()) == 1, "the highest status"
    visits = [line.split(" ") for line in (tmp_path / "order").read_text().splitlines()]
    assert "".join(name for name, *_ in visits) == "abccbaacc"
    seen = set()
    for name, resumed, variable in visits:
        assert resumed == (f"{name}.json" if name in seen else "") and variable == name.upper()
        seen.add(name)


def test_an_interrupt_ends_all_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(supervisor, "CHILD", ("-c", VISITING))
    interrupt = Interrupt(signal.SIGINT)
    commands = [supervisor.Command((name, "3"), {"OF": ""}) for name in "ab"]
    assert supervisor.interleaved(commands, interrupt) == 130
    assert len((tmp_path / "order").read_text().splitlines()) == 1
