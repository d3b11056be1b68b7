"""The regression gate: with made-up rounds, with single rounds, and as a user runs it."""

import json
import os
import shutil
import signal
import subprocess
import sys
from random import Random

import psutil
import pytest

import bench.rounds
from bench import results
from bench.plan import Case
from bench.regress import (
    judge,
    margins,
    planted,
    rates,
    revision,
    rounds,
    selftest,
    side,
    table,
    turn,
)
from bench.regress.judge import Row
from bench.regress.margins import Margins
from bench.regress.protocol import Item
from bench.regress.record import Regression
from bench.regress.rounds import Obstacle, Setup, Times
from bench.regress.side import HARNESS, Died
from bench.results import ResultError
from bench.verdicts import Interval, Verdict
from bench.workloads import Workload

TINY = Workload("tiny", T=3, B=2, I=3, H=4, O=2)
SHAPE = ("--shape", "T=3,B=2,I=3,H=4,O=2")
DECIDED = Interval(0.0, 0.0, 0.0)
EQUAL = Times((1.0,), (1.0,))


def tiny(kernel, phase="forward"):
    return Item(Case(TINY, "model", phase, "float32", "relu", kernel))


SCAN, UNROLLED, TRAIN = tiny("scan"), tiny("unrolled"), tiny("unrolled", "train")


def ended(outcome, extra=0.0):
    if outcome in set(Verdict):
        return Row(Item(SCAN.case, extra), 0.05, Verdict(outcome), interval=DECIDED)
    return Row(Item(SCAN.case, extra), 0.05, outcome, "head: somehow")


# Rules.


@pytest.mark.parametrize(
    ("outcomes", "fails", "fails_strictly"),
    [
        (("SAME", "FASTER", "UNTIMED"), False, False),
        (("SAME", "AMBIGUOUS"), False, True),
        (("SAME", "SLOWER"), True, True),
        (("FASTER", "WRONG"), True, True),
        (("SAME", "FAILED"), True, True),
        (("UNTIMED", "UNTIMED"), True, True),  # a gate that compared nothing has not passed
    ],
)
def test_what_fails_the_gate(outcomes, fails, fails_strictly):
    rows = [ended(outcome) for outcome in outcomes]
    assert judge.failed(rows, strict=False) == fails
    assert judge.failed(rows, strict=True) == fails_strictly


def test_an_item_with_an_obstacle_is_not_played_again():
    played = []

    def play(items):
        played.append([item.case.kernel for item in items])
        found = {SCAN: EQUAL, UNROLLED: Obstacle("WRONG", "head: deviates")}
        return {item: found[item] for item in items}

    (rows,) = judge.looks([SCAN, UNROLLED], Margins(), float("inf"), play, lambda *_: None)
    assert [row.outcome for row in rows] == ["SAME", "WRONG"]
    assert played == [["scan", "unrolled"]] + [["scan"]] * 7


def test_past_the_budget_no_round_begins():
    (rows,) = judge.looks([SCAN], Margins(), 0, lambda items: pytest.fail("played"), print)
    assert [row.outcome for row in rows] == ["AMBIGUOUS"]
    assert table.for_terminal(rows, "Nothing").row_count == 1


def test_rounds_beyond_a_look_wait_for_the_next():
    """Or the number of looks would not be what the error was shared among."""
    slower = Times((1.0,), (2.0,))
    at_eight = judge.row(SCAN, 0.05, [EQUAL] * 8)
    assert judge.row(SCAN, 0.05, [EQUAL] * 8 + [slower] * 7).interval == at_eight.interval
    assert judge.row(SCAN, 0.05, [EQUAL] * 8 + [slower] * 8).interval != at_eight.interval


def test_margins_are_for_all_cases_or_for_those_with_all_the_words():
    found = margins.parse(["4", "unrolled=10", "unrolled train=20"], [UNROLLED.case, TRAIN.case])
    assert found.of(SCAN.case) == pytest.approx(0.04)
    assert found.of(UNROLLED.case) == pytest.approx(0.1)
    assert found.of(TRAIN.case) == pytest.approx(0.2)


@pytest.mark.parametrize("text", ["", "five", "0", "-5", "nan", "inf", "scan=", "scna=5", "=5%"])
def test_a_bad_margin_is_named(text):
    with pytest.raises(ResultError, match=r"--margin is .*; expected"):
        margins.parse([text], [SCAN.case])


# Timing, on a clock that only the timed work moves.


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    for module in (turn, bench.rounds):
        monkeypatch.setattr(module, "perf_counter", lambda: now[0])

    def taking(seconds):
        def call():
            now[0] += next(seconds)

        return call

    return taking


def forever(value):
    while True:
        yield value


@pytest.mark.parametrize("seconds", [3e-6, 2e-3, 0.4])
def test_a_turn_gives_seconds_a_call(clock, seconds):
    assert turn.turn(clock(forever(seconds))) == pytest.approx(seconds)


def test_a_turn_forgets_its_slow_start_and_a_hiccup(clock):
    def hiccups():
        yield 0.5
        for number in range(10**6):
            yield 0.1 if number == 1 else 1e-3

    assert turn.turn(clock(hiccups())) == pytest.approx(1e-3)


@pytest.mark.parametrize("share", [0.02, 0.1, 0.2])
def test_planted_work_takes_its_share_of_the_call(clock, monkeypatch, share):
    unit = clock(forever(1e-6))
    monkeypatch.setattr(planted, "_work", lambda units: [unit() for _ in range(units)])
    slower = planted.slowed(clock(forever(4e-3)), share)
    assert turn.mean_seconds(slower, 3) == pytest.approx(4e-3 * (1 + share), rel=1e-3)


def test_planted_work_is_real():
    planted.INTO[:] = 0
    planted._work(1)
    assert (planted.INTO == planted.ROW**2).all()


def test_a_round_is_the_median_pair():
    drifting = Times(base_s=(1.0, 2.0, 4.0), head_s=(1.1, 2.2, 40.0))
    assert drifting.log_ratio == pytest.approx(0.0953, abs=1e-4)


# Single rounds between two trees of kernels.


@pytest.fixture
def tree(tmp_path):
    """A folder with a copy of the kernels, in which one line of one file may differ."""

    def edited(name, file="", line="", replacement=""):
        for package in revision.SIDE:
            shutil.copytree(HARNESS / package, tmp_path / name / package)
        if file:
            edit(tmp_path / name / "kernels" / file, line, replacement)
        return tmp_path / name

    return edited


def edit(path, line, replacement):
    text = path.read_text()
    assert text.count(line) == 1
    path.write_text(text.replace(line, replacement))


def play(tmp_path, base, head, *items):
    return rounds.play(Setup(base, head, tmp_path / "caches", "cpu"), Random(1), items)


def test_a_round_times_both_sides_and_says_what_it_cannot_time(tree, tmp_path):
    older = tree("older", "registry.py", '    "unrolled": unrolled.kernel(factor=8),\n', "")
    found = play(tmp_path, older, HARNESS, SCAN, UNROLLED, tiny("pallas"))
    times = found[SCAN]
    assert len(times.base_s) == len(times.head_s) == rounds.PAIRS
    assert all(seconds > 0 for seconds in (*times.base_s, *times.head_s))
    assert found[UNROLLED] == Obstacle("UNTIMED", "base: there is no kernel 'unrolled'")
    assert found[tiny("pallas")].outcome == "UNTIMED"


FACTOR = "    if factor is not None:\n"
DYING = """\
    import os

    if factor is None:
        return Kernel(lambda *_, **__: os.abort(), None)
"""


def test_what_a_process_dies_of_has_failed_and_the_others_are_timed(tree, tmp_path):
    head = tree("head", "unrolled.py", FACTOR, DYING + FACTOR)
    full = tiny("unrolled-full")
    found = play(tmp_path, HARNESS, head, full, SCAN)
    assert found[full] == Obstacle("FAILED", found[full].reason)
    assert found[full].reason.startswith("head: its process ended (killed by SIGABRT)")
    assert isinstance(found[SCAN], Times)


def test_a_process_that_does_not_answer_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(side, "ANSWER_LIMIT_S", 0.01)
    command = ["sleep", "600"]
    with (
        (tmp_path / "errors").open("w+b") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as process,
    ):
        with pytest.raises(Died, match=r"head: no answer within 0\.01 s"):
            side.Side("head", process, errors).answer()
        assert process.wait() == -signal.SIGKILL


DOUBLED = ("scan.py", "return jax.lax.scan(step, h0,", "return 2 * jax.lax.scan(step, h0,")


def test_a_wrong_head_is_wrong_and_a_wrong_base_no_reason_to_fail(tree, tmp_path):
    wrong = tree("wrong", DOUBLED[0], DOUBLED[1], DOUBLED[2].replace("2 *", "-"))
    found = play(tmp_path, HARNESS, wrong, SCAN)[SCAN]
    assert found.outcome == "WRONG" and "head: deviates by" in found.reason
    found = play(tmp_path, wrong, HARNESS, SCAN)[SCAN]
    assert found.outcome == "UNTIMED" and "base: deviates by" in found.reason


def test_an_installed_copy_never_passes_for_a_side(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(Died, match=r"base: .*kernels was imported from .*, not from .*empty"):
        play(tmp_path, tmp_path / "empty", HARNESS, SCAN)


# The whole gate, on a repository of its own.


@pytest.fixture
def repository(tmp_path):
    """The project's packages with one commit, and a folder for what is temporary."""
    folder = tmp_path / "repository"
    for package in ("bench", *revision.SIDE):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(HARNESS / package, folder / package, ignore=ignored)
    (tmp_path / "temporary").mkdir()
    identity = ("-c", "user.name=A", "-c", "user.email=a@b.c")
    for words in (("init", "-q"), ("add", "."), (*identity, "commit", "-qm", "Start")):
        subprocess.run(["git", "-C", str(folder), *words], check=True)
    return folder


def regress(repository, *arguments):
    """The gate as a process, with its output as text."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(repository),
        "TMPDIR": str(repository.parent / "temporary"),
    }
    command = [sys.executable, "-u", "-m", "bench", "regress", *arguments, "--backend", "cpu"]
    return subprocess.Popen(
        command, cwd=repository, env=environment, stdout=subprocess.PIPE, text=True
    )


def nothing_left(repository):
    worktrees = subprocess.check_output(["git", "-C", str(repository), "worktree", "list"])
    return not list((repository.parent / "temporary").iterdir()) and worktrees.count(b"\n") == 1


FIVE_TIMES = """\
for _ in range(4):
        h0 = h0 + 0 * jax.lax.scan(step, h0, z, unroll=unroll)[1][-1]
    return jax.lax.scan(step, h0,"""


def test_a_kernel_made_slower_fails_the_gate(repository):
    edit(repository / "kernels" / "scan.py", DOUBLED[1], FIVE_TIMES)
    longer = ("--shape", "T=100,B=8,I=8,H=64,O=8", "--kernels", "scan", "--pass", "forward")
    with regress(repository, *longer) as process:
        printed, _ = process.communicate(timeout=280)
    assert process.returncode == 1, printed
    (path,) = repository.glob("results/local/*/regress-*.json")
    record = results.load(path, Regression)
    assert record.complete and record.source.dirty and record.base == record.source.commit
    assert [row.outcome for row in record.rows] == ["SLOWER", "SLOWER"]
    assert "SLOWER" in printed and record.base[:12] in printed
    assert nothing_left(repository)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_gate_leaves_nothing_behind(repository, how):
    with regress(repository, *SHAPE, "--kernels", "scan") as process:
        for line in process.stdout:
            if line.startswith("round 1 of"):
                break
        gate = psutil.Process(process.pid)
        while not (workers := gate.children(recursive=True)):
            assert process.poll() is None
        process.send_signal(how)
        process.stdout.read()
        status = process.wait(timeout=60)
    _, alive = psutil.wait_procs(workers, timeout=60)
    assert not alive
    assert status == (-how if how == signal.SIGKILL else 130)
    assert how == signal.SIGKILL or nothing_left(repository)


@pytest.mark.parametrize("base", ["nowhere", "--help", "HEAD:kernels", ""])
def test_a_base_that_is_no_revision_is_one_sentence(repository, base):
    with pytest.raises(ResultError, match=r"--base is .*; expected a commit, branch or tag"):
        revision.commit(repository, base)


def test_a_base_without_kernels_is_one_sentence(repository):
    shutil.rmtree(repository / "kernels")
    identity = ("-c", "user.name=A", "-c", "user.email=a@b.c")
    words = (*identity, "commit", "-qam", "No kernels")
    subprocess.run(["git", "-C", str(repository), *words], check=True)
    commit = revision.commit(repository, "HEAD")
    with (
        pytest.raises(ResultError, match="expected a commit with kernels and reference"),
        revision.unpacked(repository, commit),
    ):
        pytest.fail("unpacked")


def test_outside_a_checkout_there_is_no_base(tmp_path):
    with pytest.raises(ResultError, match="not a git checkout"):
        revision.commit(tmp_path, "HEAD")


def test_the_base_is_as_committed_and_brings_no_harness(repository):
    edit(repository / "kernels" / "scan.py", DOUBLED[1], DOUBLED[2])
    with revision.unpacked(repository, revision.commit(repository, "HEAD")) as base:
        assert sorted(path.name for path in base.iterdir()) == ["kernels", "reference"]
        assert DOUBLED[1] in (base / "kernels" / "scan.py").read_text()
    assert not base.exists()


# What the gate says of itself.


def test_rates_count_verdicts_by_the_size_that_was_planted():
    rows = [ended("SAME")] * 99 + [ended("SLOWER")] + [ended("SLOWER", 0.1)] * 20
    equals, planted_ten = rates.rates(rows)
    assert (equals.extra, equals.total, equals.share(Verdict.SLOWER)) == (0.0, 100, 0.01)
    assert planted_ten.share(Verdict.SLOWER) == 1.0
    low, high = planted_ten.bounds(Verdict.SLOWER)
    assert low == pytest.approx(0.025 ** (1 / 20)) and high == 1.0
    assert [promise.kept for promise in rates.promises([equals, planted_ten])] == [True, True]


@pytest.mark.parametrize(
    ("rows", "kept"),
    [
        ([ended("SLOWER")] * 2 + [ended("SAME")] * 98, [False, False]),
        ([ended("SAME"), ended("SLOWER", 0.1), ended("AMBIGUOUS", 0.1)], [True, False]),
    ],
)
def test_a_promise_is_broken_by_the_rates_and_not_kept_by_their_absence(rows, kept):
    assert [promise.kept for promise in rates.promises(rates.rates(rows))] == kept


def test_every_case_is_tried_as_it_is_and_in_time_with_every_size():
    cases = [item.case for item in (SCAN, UNROLLED, TRAIN)]
    trials = [selftest.items(cases, trial) for trial in range(len(selftest.PLANTED))]
    for items in trials:
        assert [item.case for item in items if not item.extra] == cases
        assert len(set(items)) == 2 * len(cases)
    for case in cases:
        sizes = {item.extra for items in trials for item in items if item.case == case}
        assert sizes == {0.0, 0.02, 0.05, 0.10, 0.20}


def test_a_self_test_keeps_its_rows_and_draws_its_curve(tmp_path, monkeypatch, capsys):
    from bench.cli import main

    def play(_, __, items):
        return {item: Times((1.0,), (1.0 + item.extra,)) for item in items}

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(selftest, "play", play)
    arguments = ("regress", "--self-test", "--trials", "6", *SHAPE, "--backend", "cpu")
    assert main([*arguments, "--kernels", "scan"]) == 0
    out = capsys.readouterr().out
    assert "at most 1% of equals called SLOWER: 0 of 24, kept" in out
    assert "at least 95% of +10% called SLOWER: 12 of 12, kept" in out
    (path,) = tmp_path.glob("results/local/*/self-test-*.json")
    record = results.load(path, selftest.SelfTest)
    assert record.complete and len(record.trials) == 6
    assert path.with_suffix(".svg").read_text().startswith("<?xml")
    assert json.loads(path.read_text())["suite"] == "shape-T3-B2-I3-H4-O2"


@pytest.mark.parametrize("trials", ["0", "-1", "many", "1.5"])
def test_a_bad_number_of_trials_is_one_sentence(trials, capsys):
    from bench.cli import main

    with pytest.raises(SystemExit):
        main(["regress", "--self-test", "--trials", trials])
    assert "expected a number from 1 to 9999" in capsys.readouterr().err
