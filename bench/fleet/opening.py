"""What a fleet begins with: a folder, a record, and nodes whose times can stand side by side."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench.fleet.nodes.node import Node
from bench.fleet.request import Request
from bench.fleet.results import folder as filing
from bench.fleet.results.record import Fleet
from bench.records import store
from bench.records.run import SCHEMA
from bench.records.store import ResultError
from bench.timing import host

FOLDER = "fleet"  # of results


def place(request: Request) -> Path:
    """The folder. Raises ResultError for a --resume without one to go on with."""
    root = store.root(publish=request.publish) / FOLDER
    if request.out:
        return request.out
    if request.resume:
        return filing.newest(root)
    return root / f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{request.suite}"


def record(request: Request, folder: Path) -> Fleet:
    """A new record, filed, or that of the fleet to go on with.

    Raises ResultError if the folder has one already, or one that does not fit.
    """
    new = Fleet(
        schema=SCHEMA,
        suite=request.suite,
        command=request.command,
        words=(*request.words, request.backend or "every backend"),
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        versions=host.versions(),
        source=host.source(),
        narrowed=request.narrowed,
    )
    path = folder / filing.RECORD
    if not request.resume:
        store.create_at(path, new)
        return new
    before = store.load(path, Fleet)
    if not before.source.is_known or _known(before) != _known(new):
        raise ResultError(
            f"--resume cannot go on with {folder}: it was measured with other options, other "
            "versions or another commit, or with local changes"
        )
    return before


def how_to_go_on(fleet: Fleet) -> str:
    """What to say of a fleet that was cut short."""
    if fleet.source.is_known:
        return "The same command with --resume goes on."
    return "It was measured with local changes, so --resume cannot go on with it."


def _known(fleet: Fleet) -> tuple[object, ...]:
    return fleet.words, fleet.versions, fleet.source


def usable(request: Request, nodes: Sequence[Node]) -> list[Node]:
    """The nodes that have the backend. Raises ResultError where none has, or one cannot measure."""
    wanted = [node for node in nodes if request.backend in (None, node.machine.backend)]
    if not wanted:
        raise ResultError(f"--backend is {request.backend}, which no node of the cluster has")
    check(wanted, request.kernels)
    return wanted


def check(nodes: Sequence[Node], kernels: Sequence[str]) -> None:
    """Raise ResultError for a node whose times could not stand beside the others'."""
    first: dict[str, Node] = {}  # of each kind
    for node in nodes:
        _check_versions(node, host.versions(), "this driver")
        _check_alike(node, first.setdefault(node.machine.folder, node), kernels)
        _check_compiler(node, kernels)
        _check_niceness(node)


def _check_versions(node: Node, expected: Mapping[str, str], of: str) -> None:
    for package, version in expected.items():
        if (own := node.versions.get(package, "none")) != version:
            raise ResultError(
                f"node {node.name} has {package} {own}, {of} {version}; install the same"
            )


def _check_alike(node: Node, first: Node, kernels: Sequence[str]) -> None:
    """Nodes of one kind measure the same contenders, in the same versions."""
    _check_versions(node, first.versions, f"node {first.name}")
    for kernel in kernels:
        if (kernel in node.unavailable) != (kernel in first.unavailable):
            one, other = (node, first) if kernel in node.unavailable else (first, node)
            raise ResultError(
                f"node {one.name} lacks {kernel}, which node {other.name} of its kind has: "
                f"{one.unavailable[kernel]}"
            )


def _check_compiler(node: Node, kernels: Sequence[str]) -> None:
    reason = node.unavailable.get("native", "")
    if "native" in kernels and "compiler" in reason:
        raise ResultError(
            f"node {node.name} cannot build the kernel native: {reason}; install g++ there, or "
            "leave native out of --kernels"
        )


def _check_niceness(node: Node) -> None:
    """Ray makes its tasks give way to all other processes, unless a node was started otherwise."""
    if node.niceness > 0:
        raise ResultError(
            f"node {node.name} runs its tasks with niceness {node.niceness}, below others; "
            "start it with RAY_worker_niceness=0 ray start"
        )
