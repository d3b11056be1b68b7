"""Ray as the engine: one measuring task a node at a time, on the nodes of one cluster.

A waiting task of Ray's gives its CPUs to others, so CPUs do not keep a node to one task: a resource
of its own does, of which every node has one.
"""

import os
import socket
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from time import monotonic
from typing import Any

from pydantic import ValidationError

from bench.fleet.dealing import Lost, Measured
from bench.fleet.nodes import task
from bench.fleet.nodes.node import Node
from bench.records.store import ResultError, adapter
from bench.workers.client import HARNESS

ALONE = "measuring"  # the resource
ANSWER_S = 10.0  # to wait for the head of a cluster
DESCRIBED_S = 300.0  # and for nodes to say what they are: each starts JAX
POLL_S = 0.5  # between which Python sees signals
EXTRA = "pip install 'recurrent-kernels[fleet]'"
# Sent to every node: its own tree may be another.
SENT = [str(HARNESS / package) for package in ("bench", "kernels", "reference")]
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",  # nothing is reported to anyone
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
OWN_CLUSTER = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # then Ray listens on 127.0.0.1 alone
    "RAY_worker_niceness": "0",  # else tasks give way to all other processes
}


@contextmanager
def connected(address: str | None) -> Iterator[None]:
    """Join a cluster, or without an address start one whose only node is this machine.

    Raises ResultError where there is no Ray, no such cluster, or one of other versions.
    """
    if address:
        _check_listens(address)
    os.environ |= QUIET | ({} if address else OWN_CLUSTER)
    try:
        import ray
    except ImportError:
        raise ResultError(f"bench fleet runs on Ray, which is not installed: {EXTRA}") from None
    own = {} if address else {"resources": {ALONE: 1}, "include_dashboard": False}
    try:
        ray.init(
            address or "local",
            runtime_env={"py_modules": SENT},
            log_to_driver=False,
            logging_level="ERROR",
            **own,
        )
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
        where = f"--address is {address!r}" if address else "Ray does not start here"
        raise ResultError(f"{where}: {_first_line(error)}") from error
    try:
        yield
    finally:
        ray.shutdown()


def _check_listens(address: str) -> None:
    """Ray itself tries for minutes."""
    host, _, port = address.rpartition(":")
    if not (host and port.isdecimal()):
        raise ResultError(f"--address is {address!r}; expected HOST:PORT of a Ray cluster")
    try:
        socket.create_connection((host, int(port)), timeout=ANSWER_S).close()
    except (OSError, OverflowError) as error:
        raise ResultError(f"--address is {address!r}, where no cluster listens: {error}") from error


class RayEngine:
    """The nodes that the cluster had at first.

    A task is a call of `function` there, with `arguments`, a backend, the groups and their limit.
    """

    def __init__(self, function: Callable[..., bytes], *arguments: object):
        import ray

        self._ray = ray
        self._function, self._arguments = function, tuple(map(ray.put, arguments))
        self._names = dict(_named(ray.nodes()))  # and ids
        self._places: dict[str, tuple[str, str]] = {}  # ids, and backends
        self._under_way: dict[Any, str] = {}  # where each task is

    def doing(self, *arguments: object) -> "RayEngine":
        """The same nodes, with other arguments for the function."""
        other = copy(self)
        other._arguments, other._under_way = tuple(map(self._ray.put, arguments)), {}
        return other

    def described(self) -> list[Node]:
        """Every node on each of its backends. Raises ResultError for one that cannot be asked."""
        tasks = {name: self._on(id, task.described, {}, name) for name, id in self._names.items()}
        nodes = [
            self._parsed(name, text) for name in tasks for text in self._got(name, tasks[name])
        ]
        self._places = {
            node.place: (self._names[node.name], node.machine.backend) for node in nodes
        }
        return nodes

    def _got(self, name: str, ticket: Any) -> list[bytes]:
        try:
            return self._ray.get(ticket, timeout=DESCRIBED_S)
        except self._ray.exceptions.RayError as error:
            raise ResultError(f"node {name} does not say what it is: {_cause(error)}") from error

    def _parsed(self, name: str, text: bytes) -> Node:
        try:
            node = adapter(Node).validate_json(text)
        except ValidationError as error:
            first = error.errors()[0]
            raise ResultError(f"node {name} describes itself wrongly: {first['msg']}") from error
        if node.name != name:
            raise ResultError(f"node {name} calls itself {node.name}")
        return node

    def _on(self, id: str, function: Any, resources: Mapping[str, float], *words: object) -> Any:
        """A task on this very node, which Ray does not try again: that is for who deals."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        remote = self._ray.remote(function).options(
            num_cpus=0,
            resources=dict(resources),
            max_retries=0,
            scheduling_strategy=NodeAffinitySchedulingStrategy(id, soft=False),
        )
        return remote.remote(*words)

    # What follows is `dealing.Engine`.

    def start(self, node: str, groups: Sequence[str], limit_s: float) -> Any:
        """Begin to measure groups on a node, as soon as it has no other measuring task."""
        id, backend = self._places[node]
        arguments = (*self._arguments, backend, tuple(groups), limit_s)
        ticket = self._on(id, self._function, {ALONE: 1}, *arguments)
        self._under_way[ticket] = node
        return ticket

    def ended(self, tickets: Collection[Any], patience_s: float) -> dict[Any, Measured | Lost]:
        """Those that have ended, as soon as one has; none after so many seconds."""
        every, end = list(tickets), monotonic() + patience_s
        while True:
            timeout = min(POLL_S, max(end - monotonic(), 0.0))
            if self._ray.wait(every, num_returns=1, timeout=timeout)[0]:
                done, _ = self._ray.wait(every, num_returns=len(every), timeout=0)
                return {ticket: self._outcome(ticket) for ticket in done}
            if monotonic() >= end:
                return {}

    def cancel(self, ticket: Any) -> None:
        """End a task and all that it has started."""
        self._under_way.pop(ticket, None)
        self._ray.cancel(ticket, force=True)

    def now(self) -> float:
        """Seconds."""
        return monotonic()

    def _outcome(self, ticket: Any) -> Measured | Lost:
        node = self._under_way.pop(ticket)
        exceptions = self._ray.exceptions
        try:
            return Measured(self._ray.get(ticket))
        except (exceptions.NodeDiedError, exceptions.TaskUnschedulableError):
            return Lost(f"{node} died", node_is_there=False)
        except exceptions.RayError as error:
            return Lost(f"{node}: {_cause(error)}", node_is_there=self._alive(node))

    def _alive(self, node: str) -> bool:
        alive = {each["NodeID"] for each in self._ray.nodes() if each["Alive"]}
        return self._places[node][0] in alive


def _named(nodes: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Names and ids. Raises ResultError for a node that could not be kept to one task."""
    seen: dict[str, int] = {}
    for node in sorted(filter(lambda node: node["Alive"], nodes), key=lambda each: each["NodeID"]):
        host = node["NodeManagerHostname"]
        seen[host] = seen.get(host, 0) + 1
        name = host if seen[host] == 1 else f"{host}-{seen[host]}"
        if node["Resources"].get(ALONE) != 1:
            raise ResultError(
                f"node {name} has not one of the resource {ALONE!r}, which keeps it to one task; "
                f"start it with: ray start --resources '{{\"{ALONE}\": 1}}'"
            )
        yield name, node["NodeID"]


def _cause(error: Exception) -> str:
    return _first_line(getattr(error, "cause", None) or error)


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
