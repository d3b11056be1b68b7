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

from bench.fleet.nodes import engine
from bench.fleet.results import folder as filing
from bench.fleet.results.record import Fleet
from bench.records import store

ray = pytest.importorskip("ray")
TESTS = Path(__file__).parents[2]
SUITE = ("--suite", "scaling", "--pass", "forward", "--kernels", "scan", "native")
LIMIT_S = 120
FILED = " of "  # in a line of a task that came


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    """Three nodes on this machine, one of which holds the cluster together."""
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    monkeypatch.setenv("PRETENDED", str(tmp_path / "pretended"))
    for name, value in engine.OWN_CLUSTER.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "pretended").mkdir()
    node = {"num_cpus": 1, "resources": {"measuring": 1}, "object_store_memory": 80 * 2**20}
    nodes = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
    nodes.drivers = []
    try:
        nodes.more = [nodes.add_node(**node) for _ in range(2)]
        yield nodes
    finally:
        for driver in nodes.drivers:
            driver.process.kill()
        nodes.shutdown()


class Driver:
    """`bench fleet` in a process of its own."""

    def __init__(self, cluster, tmp_path, *words):
        self.out, self.said = tmp_path / "fleet", ""
        where = ("--address", cluster.address, "--out", str(self.out))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "helpers.pretended_fleet", "fleet", *SUITE, *where, *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=tmp_path,
        )
        cluster.drivers.append(self)

    def read_until(self, text, times=1):
        """Until it has said that so often."""
        while self.said.count(text) < times:
            line = self.process.stdout.readline()
            assert line, self.said
            self.said += line

    def ended(self):
        """Its exit status."""
        self.said += self.process.communicate(timeout=LIMIT_S)[0]
        return self.process.returncode

    def problems(self):
        """Of every task's file."""
        return {
            each.case.problem
            for path in (self.out / filing.TASKS).glob("*/*/*.json")
            for each in store.load(path).cases
        }

    def run(self):
        """What all nodes found together."""
        fleet = store.load(self.out / filing.RECORD, Fleet)
        assert fleet.complete, self.said
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
    driver.read_until(FILED, times=Random(22).randint(3, 6))
    cluster.remove_node(cluster.more[0], allow_graceful=False)
    assert driver.ended() == 0, driver.said
    run = driver.run()
    assert list(dict.fromkeys(each.case.problem for each in run.cases)) == expected()
    assert run.complete and len(run.cases) == 2 * len(expected())
    assert driver.said.count("lost: ") >= 2
    spans = sorted((begin, end) for begin, end, _ in pretended(tmp_path))
    at_once = [pair for pair in pairwise(spans) if pair[0][1] > pair[1][0]]
    assert len(spans) > 3 and not at_once, "two measured on one machine"


def test_a_killed_driver_leaves_nothing_behind_and_is_resumed(cluster, tmp_path):
    driver = Driver(cluster, tmp_path)
    driver.read_until(FILED, times=Random(7).randint(2, 4))
    hang = tmp_path / "pretended" / "hang-0"
    hang.touch()  # or it could be done before the second has started
    second = Driver(cluster, tmp_path)
    assert second.ended() == 2
    assert "where another driver is at work" in second.said
    driver.process.kill()
    driver.ended()
    assert gone(measuring())
    hang.unlink(missing_ok=True)
    before = driver.problems()
    resumed = Driver(cluster, tmp_path, "--resume")
    assert resumed.ended() == 0, resumed.said
    assert before and before < resumed.problems()
    run = resumed.run()
    assert list(dict.fromkeys(each.case.problem for each in run.cases)) == expected()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_no_task_behind(cluster, tmp_path, number):
    (tmp_path / "pretended" / "hang-0").touch()
    driver = Driver(cluster, tmp_path)
    driver.read_until("Results: ")
    end = monotonic() + LIMIT_S
    while list((tmp_path / "pretended").glob("hang-*")):
        assert monotonic() < end and driver.process.poll() is None
    tasks = measuring()
    os.kill(driver.process.pid, number)
    assert driver.ended() == 128 + number
    assert tasks and gone(tasks)
    assert "--resume goes on" in driver.said


def test_a_cluster_of_this_machine_alone_listens_to_nobody_else(tmp_path, monkeypatch):
    program = (
        "import contextlib, psutil\n"
        "from bench.fleet.nodes.engine import connected\n"
        "with connected(None):\n"
        "    own = psutil.Process().children(recursive=True) + [psutil.Process()]\n"
        "    for each in own:\n"
        "        with contextlib.suppress(psutil.NoSuchProcess):\n"
        "            for socket in each.net_connections('inet'):\n"
        "                if socket.status == psutil.CONN_LISTEN:\n"
        "                    print(socket.laddr.ip)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    addresses = set(done.stdout.split())
    assert addresses and addresses <= {"127.0.0.1", "::ffff:127.0.0.1", "::1"}


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("127.0.0.1:1", "--address is '127.0.0.1:1', where no cluster listens"),
        ("127.0.0.1:99999", "--address is '127.0.0.1:99999', where no cluster listens"),
        ("x", "--address is 'x'; expected HOST:PORT"),
    ],
)
def test_an_address_without_a_cluster_is_one_sentence(tmp_path, address, message):
    words = ("fleet", *SUITE, "--address", address, "--out", str(tmp_path / "fleet"))
    done = subprocess.run(
        [sys.executable, "-m", "bench", *words], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 2
    assert done.stderr.strip().splitlines()[-1].startswith(f"bench: {message}")


def test_a_node_without_the_resource_is_named_with_the_remedy():
    nodes = [{"Alive": True, "NodeID": "1", "NodeManagerHostname": "here", "Resources": {"CPU": 2}}]
    with pytest.raises(store.ResultError, match=r"node here has not one .*ray start --resources"):
        dict(engine._named(nodes))
    nodes[0]["Resources"]["measuring"] = 1
    assert dict(engine._named(nodes * 2)) == {"here": "1", "here-2": "1"}
