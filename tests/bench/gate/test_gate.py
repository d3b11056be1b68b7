"""The regression gate: single rounds between two trees, and the whole as a user runs it."""

import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from random import Random

import psutil
import pytest
from helpers.gate_rows import SCAN, SHAPE, UNROLLED, tiny
from helpers.older_kernels import older_kernels
from helpers.repositories import commit, git
from helpers.trees import copy_of_kernels, edit

from bench.gate import revision, rounds
from bench.gate.record import Regression
from bench.gate.rounds import Obstacle, Setup, Times
from bench.gate.tree import Tree
from bench.records import store
from bench.records.store import ResultError
from bench.workers.client import HARNESS, WorkerDied
from bench.workers.messages import Item
from bench.workers.revision import PACKAGES


@pytest.fixture
def tree(tmp_path):
    """A folder with a copy of the kernels, changed by edits."""
    return lambda name, *edits: copy_of_kernels(tmp_path / name, *edits)


def play(tmp_path, base, head, *items):
    return rounds.play(Setup(base, head, tmp_path / "caches", "cpu"), Random(1), items)


FULL, PALLAS = tiny("unrolled-full"), tiny("pallas")
ABSENT = ("names.py", '    "unrolled": "kernels.unrolled:KERNEL",\n', "")
# Wrong in the fully unrolled one, which also prints where the worker answers.
HALF = "return half(run, sequence, *rest, unroll=len(sequence), **options)"
NEGATED = """\
print("noise", flush=True)
        steps = half(run, sequence, *rest, unroll=len(sequence), **options)
        return steps._replace(h=-steps.h)"""
WRONG = ("unrolled.py", HALF, NEGATED)
FACTOR = "    if factor is None:\n"
DYING = """\
    import os

    if factor is not None:
        return Kernel(lambda *_, **__: os.abort(), None)
"""


def test_a_round_times_both_sides_and_says_what_it_cannot_time(tree, tmp_path):
    """A wrong base is no reason to fail: the head may have put it right."""
    found = play(tmp_path, tree("older", ABSENT, WRONG), HARNESS, SCAN, UNROLLED, FULL, PALLAS)
    assert found[SCAN].base_s > 0 < found[SCAN].head_s
    assert found[UNROLLED] == Obstacle("UNTIMED", "base: there is no kernel 'unrolled'")
    assert found[FULL].outcome == "UNTIMED" and "base: deviates by" in found[FULL].reason
    assert found[PALLAS].outcome == "UNTIMED"


def test_what_is_wrong_or_dies_is_the_heads_and_the_others_are_timed(tree, tmp_path):
    dying = ("unrolled.py", FACTOR, DYING + FACTOR)
    found = play(tmp_path, HARNESS, tree("head", dying, WRONG), UNROLLED, FULL, SCAN)
    assert found[UNROLLED].outcome == "FAILED"
    assert found[UNROLLED].reason.startswith("head: its process ended (killed by SIGABRT)")
    assert found[FULL].outcome == "WRONG" and "head: deviates by" in found[FULL].reason
    assert isinstance(found[SCAN], Times)


def test_an_installed_copy_never_passes_for_a_side(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(WorkerDied, match=r"base: .*kernels was imported from .*, not from .*empty"):
        play(tmp_path, tmp_path / "empty", HARNESS, SCAN)


# Names of the kernels' contract; those of the face stay.
RENAMED = ("Problem", "Kernel", "KERNELS", "why_not", "unavailable", "unsupported", "prepare")


def test_a_tree_with_another_contract_is_compared_with_one_from_before_faces(tree, tmp_path):
    base, head = older_kernels(tmp_path / "base", face=False), tree("head")
    for file in (head / "kernels").rglob("*.py"):
        text = file.read_text()
        for name in RENAMED:
            text = re.sub(rf"(?<!def )\b{name}\b", f"{name}_renamed", text)
            text = re.sub(rf"def {name}\b", f"def {name}_renamed", text)
        if file.name == "face.py":
            text = text.replace("def why_not_renamed(", "def why_not(")
        file.write_text(text)
    assert "class Kernel_renamed" in (head / "kernels" / "contract.py").read_text()
    found = play(tmp_path, base, head, SCAN)
    assert isinstance(found[SCAN], Times)


def test_a_tree_from_before_cells_is_compared_where_it_has_them(tree, tmp_path):
    base = older_kernels(tmp_path / "base", face=True)
    gru = Item(replace(SCAN.case, cell="gru"))
    found = play(tmp_path, base, HARNESS, SCAN, gru)
    assert isinstance(found[SCAN], Times)
    assert found[gru] == Obstacle("UNTIMED", "base: there is no cell 'gru' yet")


@pytest.mark.parametrize("version", [1, 2])
def test_an_older_face_says_that_it_has_no_layers(version, tree, tmp_path):
    base = tree("base", ("face.py", "VERSION = 3", "VERSION = 2"))
    if version == 1:
        base = older_kernels(tmp_path / "older", face=True)
    stacked = Item(replace(SCAN.case, workload=replace(SCAN.case.workload, layers=2)))
    found = play(tmp_path, base, HARNESS, SCAN, stacked)
    assert isinstance(found[SCAN], Times)
    said = "base: this revision is timed without layers, directions and lengths only"
    assert found[stacked] == Obstacle("UNTIMED", said)


def test_a_face_that_is_not_understood_is_named(tree, tmp_path):
    head = tree("head", ("face.py", "VERSION = 3", "VERSION = 4"))
    with pytest.raises(WorkerDied, match=r"head: .*has face 4; this gate understands 1, 2 and 3"):
        play(tmp_path, HARNESS, head, SCAN)


# The whole gate, on a repository of its own.


@pytest.fixture
def repository(tmp_path):
    """The project's packages with one commit, and a folder for what is temporary."""
    folder = tmp_path / "repository"
    for package in ("bench", *PACKAGES):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(HARNESS / package, folder / package, ignore=ignored)
    (tmp_path / "temporary").mkdir()
    git(folder, "init", "--quiet")
    commit(folder, "Start")
    return folder


def regress(repository, *arguments, wrapper=()):
    """The gate as a process, with its output as text."""
    environment = {
        **os.environ,
        "GITHUB_STEP_SUMMARY": str(repository.parent / "summary.md"),
        "PYTHONPATH": str(repository),
        "TMPDIR": str(repository.parent / "temporary"),
    }
    gate = (sys.executable, "-u", "-m", "bench", "regress", *arguments, "--backend", "cpu")
    return subprocess.Popen(
        [*wrapper, *gate], cwd=repository, env=environment, stdout=subprocess.PIPE, text=True
    )


def nothing_left(repository):
    return not list((repository.parent / "temporary").iterdir())


FORWARD = "steps = pre, inside(lengths, len(pre))"
DOUBLED = f"pre = 2 * pre\n    {FORWARD}"
FIVE_TIMES = f"""\
for _ in range(4):
        again, _ = jax.lax.scan(step, initial, (pre, None), unroll=unroll)
        initial = jax.tree.map(lambda first, last: first + 0 * last, initial, again)
    {FORWARD}"""


def test_a_kernel_made_slower_fails_the_gate(repository):
    edit(repository / "kernels" / "scan.py", FORWARD, FIVE_TIMES)
    # Two rounds decide, where every error is admitted.
    edit(
        repository / "bench" / "judging" / "verdicts.py",
        "\nPAIRED_ERROR = 0.05",
        "\nPAIRED_ERROR = 1.8",
    )
    edit(repository / "bench" / "gate" / "looks.py", "LOOKS = (8, 16, 24)", "LOOKS = (2, 4, 6)")
    longer = ("--shape", "T=100,B=8,I=8,H=64,O=8", "--kernels", "scan", "--pass", "forward")
    with regress(repository, *longer) as process:
        printed, _ = process.communicate(timeout=280)
    assert process.returncode == 1, printed
    (path,) = repository.glob("results/local/*/regress-*.json")
    record = store.load(path, Regression)
    assert record.complete and record.source.dirty and record.base == record.source.commit
    assert [row.outcome for row in record.rows] == ["SLOWER", "SLOWER"]
    assert "SLOWER" in printed and record.base[:12] in printed
    summary = (repository.parent / "summary.md").read_text()
    assert record.base[:12] in summary and summary.count("SLOWER") == 2
    assert "| workload" in summary and "| kernel" in summary
    assert nothing_left(repository)


# How a shell starts what it puts into the background: deaf to Ctrl-C.
DEAF = ("sh", "-c", 'trap "" INT; exec "$0" "$@"')


@pytest.mark.parametrize(
    ("how", "wrapper"),
    [(signal.SIGINT, ()), (signal.SIGTERM, DEAF), (signal.SIGKILL, ())],
)
def test_an_interrupted_gate_leaves_nothing_behind(repository, how, wrapper):
    with regress(repository, *SHAPE, "--kernels", "scan", wrapper=wrapper) as process:
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
    assert status == (-how if how == signal.SIGKILL else 128 + how)
    assert how == signal.SIGKILL or nothing_left(repository)


@pytest.mark.parametrize("base", ["nowhere", "--help", "HEAD:kernels", ""])
def test_a_base_that_is_no_revision_is_one_sentence(repository, base):
    with pytest.raises(ResultError, match=r"--base is .*; expected a commit, branch or tag"):
        revision.commit(repository, base)


def test_a_base_without_kernels_is_one_sentence(repository):
    shutil.rmtree(repository / "kernels")
    name = commit(repository, "No kernels")
    with (
        pytest.raises(ResultError, match=f"commit {name[:12]} lacks kernels or reference"),
        revision.unpacked(Tree(repository), name),
    ):
        pytest.fail("unpacked")


def test_outside_a_checkout_there_is_no_base(tmp_path):
    with pytest.raises(ResultError, match="not a git checkout"):
        revision.commit(tmp_path, "HEAD")


def test_the_base_is_as_committed_and_brings_no_harness(repository):
    edit(repository / "kernels" / "scan.py", FORWARD, DOUBLED)
    with revision.unpacked(Tree(repository), revision.commit(repository, "HEAD")) as base:
        assert sorted(path.name for path in base.iterdir()) == ["kernels", "reference"]
        assert DOUBLED not in (base / "kernels" / "scan.py").read_text()
    assert not base.exists()
