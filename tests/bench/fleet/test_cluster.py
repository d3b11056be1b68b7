"""Fleets on real Ray nodes, of which some die: every problem comes, once, whatever happens."""

import os
import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from random import Random
from time import monotonic

import psutil
import pytest

from bench.fleet.results import folder as filing
from bench.fleet.results.record import Fleet
from bench.records import store

ray = pytest.importorskip("ray")
TESTS = Path(__file__).parents[2]
SUITE = ("--suite", "scaling", "--pass", "forward", "--kernels", "scan", "native")
LIMIT_S = 120


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    """Three nodes on this machine, one of which holds the cluster together."""
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    monkeypatch.setenv("PRETENDED", str(tmp_path / "pretended"))
    monkeypatch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    (tmp_path / "pretended").mkdir()
    node = {"num_cpus": 1, "resources": {"measuring": 1}, "object_store_memory": 80 * 2**20}
    nodes = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
    nodes.more = [nodes.add_node(**node) for _ in range(2)]
    yield nodes
    nodes.shutdown()


class Driver:
    """`bench fleet` in a process of its own, its output in a file."""

    def __init__(self, cluster, tmp_path, *words):
        self.out, self.log = tmp_path / "fleet", tmp_path / "log"
        with self.log.open("a") as log:
            where = ("--address", cluster.address, "--out", str(self.out))
            self.process = subprocess.Popen(
                [sys.executable, "-m", "helpers.pretended_fleet", "fleet", *SUITE, *where, *words],
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=tmp_path,
            )

    def ended(self):
        """Its exit status."""
        return self.process.wait(LIMIT_S)

    def wait_for_tasks(self, count):
        """Until so many results have come."""
        end = monotonic() + LIMIT_S
        while len(self.tasks()) < count:
            assert monotonic() < end and self.process.poll() is None, self.log.read_text()

    def tasks(self):
        return list((self.out / filing.TASKS).glob("*/*/*.json"))

    def problems(self):
        """Of every task's file."""
        return [
            problem
            for path in self.tasks()
            for problem in dict.fromkeys(each.case.problem for each in store.load(path).cases)
        ]

    def run(self):
        """What all nodes found together."""
        fleet = store.load(self.out / filing.RECORD, Fleet)
        assert fleet.complete, self.log.read_text()
        (part,) = fleet.parts
        return store.load(self.out / part.file)


def expected():
    listed = subprocess.run(
        [sys.executable, "-m", "bench", "fleet", *SUITE, "--list"],
        capture_output=True,
        text=True,
        check=True,
    )
    return listed.stdout.splitlines()


def pretended(tmp_path):
    """Begin, end and groups of every task that came to its end."""
    for path in (tmp_path / "pretended").glob("done-*"):
        begin, end, groups = path.read_text().strip().split(" ", 2)
        yield float(begin), float(end), groups.split("; ")


def measuring():
    """Processes that measure, or would."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if "helpers.pretended_run" in (process.info["cmdline"] or ()):
            found.append(process)
    return found


def gone(processes):
    """Whether they end by themselves."""
    _, alive = psutil.wait_procs(processes, timeout=20)
    return not alive


def test_every_problem_comes_once_though_tasks_crash_and_a_node_dies(cluster, tmp_path):
    for number in range(2):
        (tmp_path / "pretended" / f"crash-{number}").touch()
    driver = Driver(cluster, tmp_path)
    driver.wait_for_tasks(Random(22).randint(3, 6))
    cluster.remove_node(cluster.more[0], allow_graceful=False)
    assert driver.ended() == 0, driver.log.read_text()
    run = driver.run()
    assert [case.problem for case in {each.case.group: None for each in run.cases}] == expected()
    assert run.complete and len(run.cases) == 2 * len(expected())
    assert "lost" in driver.log.read_text()
    spans = sorted((begin, end) for begin, end, _ in pretended(tmp_path))
    assert all(before[1] <= after[0] for before, after in pairwise(spans)), (
        "two measured at once on one machine"
    )


def test_a_killed_driver_leaves_nothing_behind_and_is_resumed(cluster, tmp_path):
    driver = Driver(cluster, tmp_path)
    driver.wait_for_tasks(Random(7).randint(2, 5))
    second = Driver(cluster, tmp_path)
    assert second.ended() == 2
    assert "where another driver is at work" in second.log.read_text()
    driver.process.kill()
    driver.ended()
    assert gone(measuring())
    before = driver.problems()
    resumed = Driver(cluster, tmp_path, "--resume")
    assert resumed.ended() == 0, resumed.log.read_text()
    problems = resumed.problems()
    assert problems[: len(before)] and set(before) <= set(problems)
    assert [case.problem for case in {each.case.group: None for each in resumed.run().cases}] == (
        expected()
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_no_task_behind(cluster, tmp_path, number):
    (tmp_path / "pretended" / "hang-0").touch()
    driver = Driver(cluster, tmp_path)
    end = monotonic() + LIMIT_S
    while not measuring() or list((tmp_path / "pretended").glob("hang-*")):
        assert monotonic() < end and driver.process.poll() is None, driver.log.read_text()
    tasks = measuring()
    os.kill(driver.process.pid, number)
    assert driver.ended() == 128 + number
    assert gone(tasks)
    assert "--resume goes on" in driver.log.read_text()
