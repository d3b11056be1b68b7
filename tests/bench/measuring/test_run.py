"""The benchmark itself, run as a user runs it: in a process of its own."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers.cli_program import QUICK, SMALL_CEILINGS, program

from bench import cli, commands
from bench.contenders import limits
from bench.measuring.steps import Step
from bench.records import store
from bench.timing import host, processor

SHAPE = ("--shape", "T=2,B=2,I=3,H=4,O=2", "--backend", "cpu")
# Three broken kernels, on a machine that is said to take a second for every dependent step.
BROKEN = program(
    """
from dataclasses import replace
from kernels import scan
from kernels.registry import KERNELS

def doubled(*arrays, **options):
    steps = scan.forward(*arrays, **options)
    return steps._replace(h=2 * steps.h)

def raising(*arrays, **options):
    raise ZeroDivisionError("no such step")

KERNELS["scan-autodiff"] = replace(scan.KERNEL, forward=doubled)
KERNELS["unrolled"] = replace(scan.KERNEL, forward=raising)
""",
    ceilings='(Ceiling("serial", "made up", (1.0,)),)',
)


def bench(*arguments, program=("-m", "bench"), cwd):
    command = [sys.executable, *program, *arguments]
    # pytest-benchmark refuses to time below xdist; this process only waits.
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=240)


def measured(*argv):
    """What the supervised process would do, in this one."""
    return cli.run(
        list(argv), lambda arguments: commands.measure(arguments, lambda step: None).status
    )


def only_file(folder):
    (path,) = folder.glob("results/local/*/*.json")
    return store.load(path)


def test_a_run_from_start_to_report(tmp_path):
    kernels = ("scan", "unrolled-full", "pallas")
    arguments = ("run", *SHAPE, "--pass", "train", "--kernels", *kernels)
    done = bench(*arguments, program=("-c", SMALL_CEILINGS), cwd=tmp_path)
    assert done.returncode in (0, 1), done.stderr  # 1: above a ceiling so low
    run = only_file(tmp_path)
    assert run.complete and run.suite == "shape-T2-B2-I3-H4-O2-train" and run.machine.cpu.cores >= 1
    statuses = {(case.case.kernel, case.case.scope): case.status for case in run.cases}
    assert statuses[("scan", "model")] == statuses[("unrolled-full", "recurrence")] == "ok"
    assert all(bool(case.variant) == (case.case.kernel == "scan") for case in run.cases)
    assert statuses[("pallas", "model")] == "emulated"
    for case in run.cases:
        turns = [len(visit.samples_s) for visit in case.visits]
        assert bool(turns) == (case.status == "ok")
        assert all(2 <= count <= 12 for count in turns)
        assert (len(turns) >= 8) == (case.status == "ok")
        assert all(visit.warm_calls >= 2 for visit in case.visits)
    assert run.visits >= 8 and run.whole == (not run.narrowed)
    assert {ceiling.kind for ceiling in run.ceilings} == {"arithmetic", "bandwidth", "serial"}
    assert "× scan" in done.stdout
    assert len(list(tmp_path.glob("results/local/*/report.md"))) == 1


def test_what_is_broken_gets_no_time_and_the_others_go_on(tmp_path):
    kernels = ("scan-autodiff", "unrolled", "unrolled-full", "pallas")
    done = bench(
        *("run", *SHAPE, "--pass", "forward", "--kernels", *kernels, "--seconds", "1"),
        program=("-c", BROKEN),
        cwd=tmp_path,
    )
    assert done.returncode == 1
    cases = {
        case.case.kernel: case
        for case in only_file(tmp_path).cases
        if case.case.scope == "recurrence"
    }
    wrong, failed, timed, emulated = (cases[name] for name in kernels)
    assert (wrong.status, wrong.visits) == ("wrong", ()) and "deviates by" in wrong.reason
    assert (failed.status, failed.visits) == ("failed", ())
    assert failed.reason == "ZeroDivisionError: no such step"
    assert timed.status == "ok" and len(timed.visits) == 1
    assert emulated.status == "emulated"
    said = " ".join(done.stdout.split())  # however the terminal wraps it
    assert "WRONG" in said and "FAILED" in said
    assert "IMPOSSIBLE" in said and "of what the serial ceiling allows" in said


def test_some_groups_into_a_file_of_their_own(tmp_path):
    group = "T2-B2-I3-H4-O2 recurrence forward float32 relu"
    words = ("run", *SHAPE, "--kernels", "scan", "unrolled-full", "--seconds", "1")
    out = ("--group", group, "--out", "part.json")
    assert bench(*words, *out, program=("-c", QUICK), cwd=tmp_path).returncode == 0
    run = store.load(tmp_path / "part.json")
    assert {each.case.problem for each in run.cases} == {group} and len(run.cases) == 2
    assert "--group with 1" in run.narrowed
    assert not list(tmp_path.glob("results/**/*")), "neither a report nor another file"
    again = bench(*words, *out, program=("-c", QUICK), cwd=tmp_path)
    assert again.returncode == 2 and "--out is part.json, which is there already" in again.stderr
    unknown = bench(*words, "--group", "no such", program=("-c", QUICK), cwd=tmp_path)
    assert unknown.returncode == 2 and "--group is 'no such'" in unknown.stderr


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_run_keeps_what_was_finished(tmp_path, how):
    kernels = ("--kernels", "unrolled", "unrolled-full", "scan-autodiff")
    command = [sys.executable, "-c", QUICK, "run", *SHAPE, *kernels]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        wait_for_cases(tmp_path, process, at_least=2)
        os.kill(process.pid, how)
        said, _ = process.communicate(timeout=60)
    run = only_file(tmp_path)
    assert len(run.cases) >= 2 and not run.complete
    assert process.returncode == (-how if how == signal.SIGKILL else 128 + how)
    assert ("Cut short (interrupted)" in said) == (how != signal.SIGKILL)


def wait_for_cases(folder: Path, process: subprocess.Popen, at_least: int) -> None:
    """Return once the run's file holds that many cases."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        files = list(folder.glob("results/local/*/*.json"))
        if files and len(store.load(files[0]).cases) >= at_least:
            return
        time.sleep(0.05)
    pytest.fail("no case was finished in time")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--shape", "T=3"), "expected five sizes such as"),
        (("--suite", "huge"), "invalid choice: 'huge'"),
        (("--kernels", "fast"), "invalid choice: 'fast'"),
        (("--faster",), "unrecognized arguments: --faster"),
        (("--suite", "smoke", *SHAPE[:2]), "not allowed with argument"),
        (("--seconds", "0"), "seconds is '0'; expected a number above 0"),
        (("--seconds", "nan"), "seconds is 'nan'; expected a number above 0"),
    ],
)
def test_a_bad_command_line_is_one_sentence(arguments, said, capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(["run", *arguments])
    assert caught.value.code == 2
    assert said in capsys.readouterr().err


def test_nothing_to_measure_is_one_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert measured("run", "--kernels", "mosaic", "--backend", "cpu") == 2
    assert "nothing to measure: mosaic: written for" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_cores_are_a_dimension(monkeypatch, capsys):
    monkeypatch.setattr(processor, "cores", lambda: 4)
    monkeypatch.setattr(processor, "threads", lambda: 4)
    one = ("run", *SHAPE, "--list", "--kernels", "native", "--pass", "forward")
    assert cli.main([*one, "--cores", "1", "4"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"T2-B2-I3-H4-O2 {scope} forward float32 relu native{where}"
        for scope in ("recurrence", "model")
        for where in (" on 1 core", "")
    ]
    assert cli.main([*one, "--cores", "5"]) == 2
    assert "--cores is 5; expected at most 4, of this process" in capsys.readouterr().err


def test_devices_are_a_dimension(capsys):
    one = ("run", *SHAPE, "--list", "--kernels", "native", "--pass", "forward")
    assert cli.main([*one, "--devices", "1", "2"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"T2-B2-I3-H4-O2 {scope} forward float32 relu native{where}"
        for scope in ("recurrence", "model")
        for where in ("", " on 2 devices")
    ]
    assert cli.main([*one, "--devices", "65"]) == 2
    assert "--devices is 65; expected at most 64" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((*SHAPE, "--dtype", "tf32"), "scan: precision 'tf32' needs an NVIDIA GPU"),
        (
            ("--shape", "T=9000000,B=1,I=1,H=1,O=1", "--backend", "cpu"),
            "scan: needs 7.2e-05 TFLOP and 9,000,000 steps",
        ),
        (("--shape", "T=999,B=999,I=9,H=2100,O=9", "--backend", "cpu"), "scan: needs 2"),
    ],
)
def test_cases_none_of_which_can_run_here_are_one_sentence(
    arguments, said, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(limits, "available_bytes", lambda: 2**36)
    backend = () if "--backend" in arguments else ("--backend", "cpu")
    assert measured("run", *arguments, *backend, "--kernels", "scan") == 2
    assert f"nothing to measure: {said}" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_run_of_fewer_kernels_says_so_and_one_of_fewer_passes_has_a_name_of_its_own(monkeypatch):
    from bench.measuring import run

    requests = []
    monkeypatch.setattr(run, "run", lambda request, *_: requests.append(request) or Step("done"))
    everything = ("--kernels", *cli.NAMES, "--pass", *cli.PASSES)
    for arguments in ((), ("--kernels", "scan", "--pass", "train"), everything):
        measured("run", "--suite", "smoke", "--backend", "cpu", *arguments)
    assert [(request.suite, request.narrowed) for request in requests] == [
        ("smoke", ()),
        ("smoke-train", ("--kernels scan",)),
        ("smoke", ()),
    ]


# Whether a long program has ended when its call returns.
SETTINGS_OF_A_RUN = """
import sys
from bench import cli, commands
from bench.measuring import run
from bench.measuring.steps import Step

def measure(request, *_):
    import jax
    from bench.timing import host
    work = jax.jit(lambda x: jax.lax.fori_loop(0, 300, lambda _, x: x @ x, x))
    work(jax.numpy.eye(256)).block_until_ready()
    print(request.suite, work(jax.numpy.eye(256)).is_ready(), host.settings().async_dispatch)
    return Step("done")

run.run = measure
arguments = ["run", "--suite", "smoke", "--backend", "cpu", *sys.argv[1:]]
sys.exit(cli.run(arguments, lambda words: commands.measure(words, print).status))
"""


@pytest.mark.parametrize(
    ("option", "printed"),
    [((), "smoke False True\n"), (("--sync-dispatch",), "smoke-sync-dispatch True False\n")],
)
def test_whether_jax_waits_for_a_program_is_an_option_and_noted(tmp_path, option, printed):
    done = bench(*option, program=("-c", SETTINGS_OF_A_RUN), cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, printed), done.stderr


def test_a_gpu_never_runs_a_program_where_it_is_called(monkeypatch, capsys):
    monkeypatch.setattr(host, "backends", lambda: ("cpu", "gpu"))
    assert cli.main(["run", "--sync-dispatch"]) == 2
    assert "--sync-dispatch is for kernels on a CPU" in capsys.readouterr().err


def test_a_run_with_another_allocator_or_flags_is_filed_aside(monkeypatch):
    from bench.measuring import run

    requests = []
    monkeypatch.setattr(run, "run", lambda request, *_: requests.append(request) or Step("done"))
    monkeypatch.setenv("MALLOC_CHECK_", "")
    for name in ("XLA_FLAGS", "MALLOC_ARENA_MAX", "GLIBC_TUNABLES"):
        monkeypatch.setenv(name, "1")
        measured("run", "--suite", "smoke", "--backend", "cpu")
    suites = ["smoke-xla-flags", *2 * ["smoke-xla-flags-malloc"]]
    assert [request.suite for request in requests] == suites


def test_a_backend_that_is_not_there_is_one_sentence(monkeypatch, capsys):
    monkeypatch.setattr(host, "backends", lambda: ("cpu",))
    assert measured("run", "--backend", "gpu") == 2
    assert "needs an NVIDIA GPU" in capsys.readouterr().err


def test_what_scan_is_the_best_of_is_not_measured_again_unless_asked_for(capsys):
    assert cli.main(["run", "--list", "--suite", "smoke", "--backend", "cpu"]) == 0
    kernels = {line.split()[-1] for line in capsys.readouterr().out.splitlines()}
    assert {"scan", "unrolled-full"} <= kernels and "unrolled" not in kernels


@pytest.mark.parametrize(
    ("words", "cells"),
    [
        (("--suite", "smoke"), ["relu"]),
        (("--suite", "smoke", "--cell", "lstm", "relu"), ["relu", "lstm"]),
        (("--cell", "tanh", "--shape", "T=2,B=2,I=3,H=4,O=2"), ["tanh"]),
        (("--suite", "default"), ["relu", "gru", "lstm"]),
    ],
)
@pytest.mark.parametrize("command", ["run", "regress"])
def test_cells_are_those_that_are_named(command, words, cells, capsys):
    arguments = [command, "--list", *words, "--kernels", "scan", "--backend", "cpu"]
    assert cli.main(arguments) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert list(dict.fromkeys(cell for *_, cell, _ in lines)) == cells
    shapes = {cell: {line[0] for line in lines if line[-2] == cell} for cell in cells}
    alike = len(set(map(frozenset, shapes.values()))) == 1
    assert alike == ("default" not in words)


def test_runs_of_other_cells_have_another_name(tmp_path, monkeypatch):
    from bench.measuring import run

    requests = []
    monkeypatch.setattr(run, "run", lambda request, *_: requests.append(request) or Step("done"))
    for words in ((), ("--cell", "relu"), ("--cell", "lstm", "relu", "--dtype", "bfloat16")):
        measured("run", "--backend", "cpu", "--suite", "smoke", *words)
    names = [request.suite for request in requests]
    assert names == ["smoke", "smoke", "smoke-bfloat16-relu-lstm"]


def test_list_measures_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["run", "--list", "--suite", "deepbench", "--backend", "cpu"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "deepbench-H1760-B16 recurrence forward float32 relu scan" in lines
    assert not list(tmp_path.iterdir())


def test_an_unreadable_file_is_one_sentence(tmp_path, capsys):
    bad = tmp_path / "bad.json"
    bad.write_text("{")
    assert cli.main(["compare", str(bad), str(bad)]) == 2
    assert str(bad) in capsys.readouterr().err
