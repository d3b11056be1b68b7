"""Whatever happens to result files, or is put into one: a clear sentence, and nothing is lost."""

import fcntl
import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from pathlib import Path

import pytest
from helpers.cli_program import QUICK
from helpers.sample_runs import TYPICAL, report_of, run, timed, untimed
from rich.console import Console

from bench.cases.fields import LONGEST_TEXT
from bench.cases.workloads import mission
from bench.records import store
from bench.records.facts import Ceiling
from bench.records.store import ResultError
from bench.report import tables

SHAPE = ("--shape", "T=2,B=2,I=3,H=4,O=2", "--backend", "cpu")
KERNELS = ("scan-autodiff", "unrolled", "unrolled-full")
TINY = ("run", *SHAPE, "--seconds", "0.05", "--kernels", *KERNELS)
SMALL_DISK = (
    """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (12_000, 12_000))
"""
    + QUICK
)
WHOLE = run(*TYPICAL.cases, ceilings=(Ceiling("serial", "a step", (1e9,)),))


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def start(*arguments, program=QUICK):
    """A benchmark in a process of its own, in the working directory."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    command = [sys.executable, "-c", program, *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, env=env, **pipes)


def files():
    return sorted(Path("results/local").glob(f"*/{store.FILES}"))


# Two runs at once.


def test_two_runs_at_once_leave_two_whole_files_and_one_report():
    both = [start(*TINY, "--pass", "forward") for _ in range(2)]
    outputs = [process.communicate(timeout=240) for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    first, second = map(store.load, files())
    assert first.complete and second.complete and len(first.cases) == len(second.cases) == 4
    assert "## Summary" in next(Path("results/local").glob("*/report.md")).read_text()


def test_files_of_one_second_made_at_once_are_all_kept():
    with ThreadPoolExecutor(16) as threads:
        runs = [run(timed(mission(1), "scan", 1.0 + n)) for n in range(32)]
        paths = list(threads.map(lambda one: store.create(one, publish=False), runs))
    assert len(set(paths)) == 32
    assert [store.load(path) for path in paths] == runs


def test_reports_written_at_once_are_one_of_them_whole():
    folder = store.create(WHOLE, publish=True).parent
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: report_of(folder), range(4)))
    written = {path.name: path.read_bytes() for path in folder.iterdir()}
    report_of(folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == written


def test_a_report_waits_for_another_to_be_written(tmp_path):
    """Who came first has written before the second reads."""
    handle = os.open(tmp_path, os.O_RDONLY)
    with store.locked(tmp_path), pytest.raises(BlockingIOError):
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(handle)


# A disk that is full, a process that is killed.


def test_a_full_disk_ends_the_run_and_keeps_what_was_saved():
    process = start(*TINY, program=SMALL_DISK)
    printed, said = process.communicate(timeout=240)
    assert process.returncode == 2
    (sentence,) = (line for line in said.splitlines() if line.startswith("bench: "))
    (path,) = files()
    assert f"{path}: File too large; the file holds what was saved before" in sentence
    kept = store.load(path)
    assert 0 < len(kept.cases) < 10 and not kept.complete
    assert printed.count("× scan") > 0  # what was measured is shown all the same
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_a_process_killed_while_it_writes_leaves_the_old_file():
    path = store.create(WHOLE, publish=False)
    code = f"""
import os, signal
from dataclasses import replace
from pathlib import Path
from bench.records import store
whole = store.load(Path({str(path)!r}))
os.fsync = lambda handle: os.kill(os.getpid(), signal.SIGKILL)
store.save(replace(whole, seconds=1.0), Path({str(path)!r}))
"""
    killed = subprocess.run([sys.executable, "-c", code], timeout=120)
    assert killed.returncode == -signal.SIGKILL
    assert store.load(path) == WHOLE
    leftover = [each for each in path.parent.iterdir() if each != path]
    assert leftover, "the test must have killed it in the middle"
    report_of(path.parent)  # which the leftover does not disturb


# Files that are not what they seem.


def changed(**fields):
    return json.dumps({**json.loads(store._dump(WHOLE)), **fields})


def with_case(**fields):
    case = json.loads(store._dump(WHOLE))["cases"][0]
    return changed(cases=[{**case, **fields}])


def with_turns(samples, others=None):
    """Two kernels of one problem, the first with one visit of these turns."""
    first, second = json.loads(store._dump(WHOLE))["cases"][:2]
    visit = {**first["visits"][0], "samples_s": samples}
    first["visits"] = [visit]
    second["visits"] = second["visits"] if others is not None else [visit]
    return changed(cases=[first, second])


def with_problem(**fields):
    case = json.loads(store._dump(WHOLE))["cases"][0]["case"]
    return with_case(case={**case, **fields})


def with_shape(**fields):
    shape = json.loads(store._dump(WHOLE))["cases"][0]["case"]["workload"]
    return with_problem(workload={**shape, **fields})


MACHINE = json.loads(store._dump(WHOLE))["machine"]


def with_cpu(**fields):
    return changed(machine={**MACHINE, "cpu": {**MACHINE["cpu"], **fields}})


HOSTILE = {
    "an axis of a googol": (with_shape(T=10**100), "workload.T"),
    "an axis of 5000 digits": (with_shape(T=1).replace('"T": 1', '"T": ' + "9" * 5000), "file"),
    "a negative axis": (with_shape(B=-1), "workload.B"),
    "axes of nothing": (with_shape(T=0, B=0, I=0, H=0, O=0), "workload.T"),
    "no batch": (with_shape(B=0), "workload.B"),
    "a fractional axis": (with_shape(H=1.5), "workload.H"),
    "an axis in words": (with_shape(H="many"), "workload.H"),
    "cores without number": (with_cpu(cores=10**30), "cpu.cores"),
    "a machine that is a list": (changed(machine=[]), "machine"),
    "no cores": (with_cpu(cores=0), "cpu.cores"),
    "another machine's fingerprint": (with_cpu(cores=1), "fingerprint"),
    "an unknown backend": (changed(machine={**MACHINE, "backend": "abacus"}), "machine.backend"),
    "a book for a command": (changed(command="run " * 10**6), "command"),
    "no time": (with_turns([[0.0]]), "samples_s"),
    "a negative time": (with_turns([[-1.0]]), "samples_s"),
    "an infinite time": (with_turns([[7.5]]).replace("7.5", "1e999"), "samples_s"),
    "a time that is no number": (with_turns([[float("nan")]]), "samples_s"),
    "a turn without samples": (with_turns([[]]), "samples_s"),
    "a visit without turns": (with_turns([]), "samples_s"),
    "samples that are text": (with_turns("fast"), "samples_s"),
    "turns that others of the group had not": (with_turns([[1.0]], others=()), "different turns"),
    "a negative error": (with_case(error=-0.5), "error"),
    "an unknown status": (with_case(status="great"), "status"),
    "an unknown dtype": (with_problem(dtype="float8"), "dtype"),
    "an unknown cell": (with_problem(cell="peephole"), "cell"),
    "a script for a kernel": (with_problem(kernel="<script>alert(1)</script>"), "kernel"),
    "a script for a workload": (with_shape(name="<img src=x onerror=alert(1)>"), "workload.name"),
    "a formula for a name": (with_shape(name=r"$\frac$"), "workload.name"),
    "a path for a kernel": (with_problem(kernel=".."), "kernel"),
    "a path for a workload": (with_shape(name="."), "workload.name"),
    "a path for a suite": (changed(suite="../../elsewhere"), "suite"),
    "an empty suite": (changed(suite=""), "suite"),
    "a time without date": (changed(started="yesterday"), "started"),
    "a thirteenth month": (changed(started="2026-13-02T03:04:05+00:00"), "month must be in 1..12"),
    "a date in another script": (changed(started="٢٠٢٦-01-02T03:04:05+00:00"), "started"),
    "one case twice": (changed(cases=2 * json.loads(with_case())["cases"]), "one case has two"),
    "a ceiling of nothing": (
        changed(ceilings=[{"kind": "serial", "how": "", "rounds": []}]),
        "ceilings.0.rounds",
    ),
    "a ceiling of zero": (
        changed(ceilings=[{"kind": "serial", "how": "", "rounds": [0.0]}]),
        "ceilings.0.rounds",
    ),
    "depth": ("[" * 10**6, "the file"),
    "depth in a field nobody reads": (
        changed(more=0).replace('"more": 0', '"more": ' + "[" * 10**5 + "]" * 10**5),
        "the file",
    ),
    "a number": ("1" * 10**5, "the file"),
    "half a file": (changed()[:500], "the file"),
}


@pytest.mark.parametrize(("text", "where"), HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_file_is_refused_in_one_sentence(text, where):
    path = store.create(WHOLE, publish=False)
    path.write_text(text)
    with pytest.raises(ResultError) as caught:
        store.load(path)
    sentence = str(caught.value)
    assert sentence.startswith(f"{path}: ") and where in sentence
    assert len(sentence) < 400 and sentence.isprintable()


def test_what_the_tests_start_from_is_accepted():
    path = store.create(WHOLE, publish=False)
    for text in (changed(), with_case(), with_shape()):
        path.write_text(text)
        assert store.load(path).machine == WHOLE.machine


def test_an_error_of_any_length_is_shortened():
    case = untimed(mission(1), "scan", "failed", "no luck " * 10**5)
    path = store.create(run(case), publish=False)
    assert store.load(path).cases[0].reason == case.reason[:LONGEST_TEXT]


def test_bytes_that_are_no_text_are_refused():
    path = store.create(WHOLE, publish=False)
    path.write_bytes(b"\xff\xfe" + os.urandom(100))
    with pytest.raises(ResultError, match="not a result file"):
        store.load(path)


def test_a_name_in_a_message_cannot_steer_the_terminal():
    path = store.create(WHOLE, publish=False)
    path.write_text(changed(versions={"\x1b[2J\nall is well " * 50: 3}))
    with pytest.raises(ResultError) as caught:
        store.load(path)
    assert "\x1b" not in str(caught.value) and len(str(caught.value)) < 400


def test_text_from_a_file_cannot_steer_the_terminal():
    path = store.create(WHOLE, publish=False)
    evil = "\x1b]0;owned\x07\x1b[2J[red]shout[/red][/]"
    path.write_text(store._dump(run(untimed(mission(1), "pallas", "failed", evil))))
    screen = StringIO()
    Console(file=screen, width=200).print(*tables.for_terminal(store.load(path)))
    assert "\x1b" not in screen.getvalue() and "[red]shout[/red]" in screen.getvalue()


def test_a_file_without_end_is_not_read_to_it(monkeypatch):
    monkeypatch.setattr(store, "LARGEST_FILE", 10_000)
    with pytest.raises(ResultError, match="larger than any result file"):
        store.load(Path("/dev/zero"))


def test_a_bad_file_in_a_folder_is_named_and_the_report_stays():
    folder = store.create(WHOLE, publish=True).parent
    pages = report_of(folder)
    before = [page.read_bytes() for page in pages]
    bad = folder / "20260301T000000-default.json"
    bad.write_text("{")
    with pytest.raises(ResultError, match=bad.name):
        report_of(folder)
    assert [page.read_bytes() for page in pages] == before


def test_a_run_of_which_nothing_was_timed_has_a_report():
    folder = store.create(run(untimed(mission(1), "scan", "failed", "oops")), publish=True).parent
    assert "oops" in report_of(folder)[0].read_text()
