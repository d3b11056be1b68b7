"""Where a contender runs: a peer with threads of its own in its own process, all others here.

Three others have one too: a case on fewer cores than the run has, for a library asks once how many
there are; one on several devices that a CPU stands for; and a kernel of another tree
(`bench.workers.unpacked`). The baseline is always this tree's: it is what the others are held
against, and must be one program.
"""

import atexit
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from bench.cases.case import BASELINE, Case, Place
from bench.contenders import own, registry
from bench.contenders.checking import checked
from bench.contenders.subject import Samples, Subject
from bench.records.facts import Ceilings
from bench.records.run import CaseResult
from bench.timing import host
from bench.timing.ceilings import measure
from bench.timing.clock import WARM_S
from bench.workers import unpacked
from bench.workers.client import Client
from bench.workers.messages import Answer, Item, Request, Start
from kernels.contract import current_platform
from kernels.names import KERNELS

PART_OF_LIMIT = 0.9


class RemoteError(Exception):
    """What a case raised in its worker."""


@dataclass(frozen=True, eq=False)
class RemoteSubject:
    """A case that a worker holds, with the outputs of its last turn."""

    client: Client
    item: Item

    def warm(self) -> int:
        """Until it is steady; how many calls that took. Raises RemoteError, or WorkerDied."""
        return _answered(self.client, Request("warm", self.item)).calls

    def sample(self, turn_s: float) -> Samples:
        """A turn there. Raises RemoteError, or WorkerDied."""
        request = Request("turn", self.item, turn_s=turn_s, warm_s=WARM_S)
        return _answered(self.client, request).seconds

    def error(self, outputs: None = None) -> float:
        """The largest deviation of the last turn's outputs from what they must be."""
        return _answered(self.client, Request("check", self.item)).error

    def call(self) -> None:
        """The shortest turn."""
        self.sample(0.0)


def place(
    case: Case, limit_s: float, variant: str = ""
) -> tuple[CaseResult, Subject | RemoteSubject | None]:
    """`checking.checked`, wherever the case belongs; the baseline is its variant of this name.

    A worker has a little less than `limit_s` seconds: it then ends alone, not its parent too.
    Raises WorkerDied.
    """
    root = _root(case.kernel)
    if not (root or _apart(case) or _disturbs_others(case.kernel)):
        return checked(case, partial(registry.prepare_best, variant=variant))
    if not root and (reason := registry.unsupported(case)):
        return CaseResult(case, "unsupported", reason), None
    client, item = _client(case.kernel, root, case.place), Item(case)
    _forget(client)
    request = Request("prepare", item, variant=variant if case.cores else None)
    client.ask(request, PART_OF_LIMIT * limit_s)
    answer = client.answer()
    if answer.result is None:
        status = "unsupported" if answer.status == "absent" else "failed"
        return CaseResult(case, status, answer.reason), None
    if answer.status != "ok":
        return answer.result, None
    _held[client] = item
    return answer.result, RemoteSubject(client, item)


def ceilings(dtypes: Sequence[str], cores: int | None) -> Ceilings:
    """What so many cores reach; None: this process. Raises WorkerDied."""
    if cores is None:
        return measure(dtypes)
    with Client("ceilings", Start("cpu"), cores=cores) as client:
        client.answer()
        found = _answered(client, Request("ceilings", dtypes=tuple(dtypes))).ceilings
    return tuple(replace(ceiling, cores=cores) for ceiling in found)


def _apart(case: Case) -> bool:
    """Whether this process does not have just what the case runs on."""
    return bool(case.cores or (case.devices and current_platform() == "cpu"))


def _disturbs_others(kernel: str) -> bool:
    return current_platform() == "cpu" and registry.has_threads(kernel)


_clients: dict[tuple[str, Place], Client] = {}
_held: dict[Client, Item] = {}


def _root(kernel: str) -> str:
    """The other tree that the kernel is to come from; "" for this one."""
    other = unpacked.measured()
    return other.root if other and kernel in KERNELS and kernel != BASELINE else ""


def _client(kernel: str, root: str, place: Place) -> Client:
    """The worker that a kernel has to itself there; a dead one is replaced."""
    key = kernel, place
    if key in _clients and not _clients[key].alive:
        _held.pop(_clients[key], None)
        _clients.pop(key).end()
    if key not in _clients:
        start = _start(kernel, root, place.devices or 1)
        client = _clients[key] = Client(kernel, start, cores=place.cores)
        atexit.register(client.end)
        client.answer()
    return _clients[key]


def _start(kernel: str, root: str, devices: int) -> Start:
    """A worker knows a kernel of the user's own by its place alone."""
    places = {} if root else own.places([kernel])
    folders = [str(own.folder(each)) for each in places.values()]
    return Start("cpu", root or "".join(folders), places, devices, host.async_dispatch())


def _forget(client: Client) -> None:
    """A worker holds one case at a time: the next may need the memory."""
    if item := _held.pop(client, None):
        _answered(client, Request("forget", item))


def _answered(client: Client, request: Request) -> Answer:
    client.ask(request)
    answer = client.answer()
    if answer.status == "failed":
        raise RemoteError(answer.reason)
    return answer
