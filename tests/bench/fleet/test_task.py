"""What runs on a node, without an engine."""

import json
import os
import sys
import tempfile
from pathlib import Path

import pytest
from helpers import pretended_run

from bench.fleet.nodes import describe, task
from bench.fleet.nodes.node import Node
from bench.records.run import Run
from bench.records.store import adapter
from bench.timing import host, quiet

GROUP = "scaling-T1-B50-H256 model forward float32 relu"
WORDS = ("--suite", "scaling")
LIMIT_S = 60.0


@pytest.fixture(autouse=True)
def pretended(monkeypatch, tmp_path):
    monkeypatch.setenv(pretended_run.FOLDER, str(tmp_path))
    monkeypatch.setattr(quiet, "wait", lambda: True)
    monkeypatch.setattr(quiet, "LOCK", tmp_path / "lock")
    monkeypatch.setattr(sys, "path", [*sys.path, str(Path(__file__).parents[2])])
    return tmp_path


def test_a_task_gives_the_file_and_leaves_none_behind(pretended):
    text = task.measured("helpers.pretended_run", WORDS, "cpu", [GROUP], LIMIT_S)
    assert {each.case.problem for each in adapter(Run).validate_json(text).cases} == {GROUP}
    assert [path.name[:5] for path in pretended.iterdir() if path.name != "lock"] == ["done-"]


def test_what_killed_tasks_left_is_removed(pretended, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(pretended))
    monkeypatch.setattr(tempfile, "tempdir", None)
    (pretended / "recurrent-kernels-task-killed" / "bench-run").mkdir(parents=True)
    (pretended / "another").mkdir()
    task.measured("helpers.pretended_run", WORDS, "cpu", [GROUP], LIMIT_S)
    assert {path.name[:5] for path in pretended.iterdir()} == {"lock", "done-", "anoth"}


def test_a_task_that_fails_says_why(pretended):
    (pretended / "crash-0").touch()
    with pytest.raises(task.TaskError, match=r"^it crashed$"):
        task.measured("helpers.pretended_run", WORDS, "cpu", [GROUP], LIMIT_S)
    with pytest.raises(task.TaskError, match="No module named"):
        task.measured("no_such_module", WORDS, "cpu", [GROUP], LIMIT_S)


def test_a_task_that_takes_too_long_is_ended(pretended):
    (pretended / "hang-0").touch()
    with pytest.raises(task.TaskError, match="did not end within 1 s"):
        task.measured("helpers.pretended_run", WORDS, "cpu", [GROUP], 1.0)


def test_it_measures_with_all_threads_and_no_more_of_the_engine(monkeypatch):
    for name, value in {**task.SET_BY_RAY, "RAY_ADDRESS": "1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XLA_FLAGS", "--xla_some_flag")
    own = task._environment()
    assert not {*task.SET_BY_RAY, "RAY_ADDRESS"} & own.keys()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    assert task._environment()["CUDA_VISIBLE_DEVICES"] == "3", "a choice of the node's own"
    assert own["XLA_FLAGS"] == "--xla_some_flag"
    assert set(filter(None, sys.path)) == set(own["PYTHONPATH"].split(os.pathsep))


def test_a_node_says_what_it_is(capfdbinary):
    assert describe.main(["a-node.somewhere", "cpu"]) == 0
    node = adapter(Node).validate_json(capfdbinary.readouterr().out)
    assert node.name == "a-node.somewhere" and node.machine == host.machine().__class__(
        **{**vars(host.machine()), "load_average": node.machine.load_average}
    )
    assert node.place == f"{node.machine.folder}/a-node.somewhere"
    assert "mosaic" in node.unavailable and "scan" not in node.unavailable
    assert json.loads(adapter(Node).dump_json(node))["versions"].items() >= host.versions().items()
