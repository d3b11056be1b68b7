"""An engine whose nodes only pass time, by a clock of its own."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from random import Random

from bench.fleet.dealing import TASK_S, Lost, Measured, Ticket

GROUP_S = 12.0  # of a problem
SPREAD = 0.5  # of a problem's logarithm
NODE_DIES, TASK_HANGS = 0.4, 0.1  # of what is lost; the others just fail


@dataclass
class Simulated:
    """Tasks take about as long as real ones; a share `losing` of them comes to nothing.

    measured: how often each group was. busy_s: what all nodes together spent on it.
    """

    losing: float = 0.0
    random: Random = field(default_factory=lambda: Random(1))
    clock_s: float = 0.0
    measured: dict[str, int] = field(default_factory=dict)
    busy_s: float = 0.0
    lost: int = 0
    _ends: list[tuple[float, int]] = field(default_factory=list)
    _outcomes: dict[int, Measured | Lost] = field(default_factory=dict)
    _numbers: count = field(default_factory=count)

    def start(self, node: str, groups: Sequence[str], limit_s: float) -> Ticket:
        """The task's end and outcome are drawn at once."""
        ticket = next(self._numbers)
        groups_s = (GROUP_S * self.random.lognormvariate(0, SPREAD) for _ in groups)
        taken_s, outcome = TASK_S + sum(groups_s), Measured("\n".join(groups).encode())
        if self.random.random() < self.losing:
            taken_s, outcome = self._loss(node, taken_s, limit_s)
        heappush(self._ends, (self.clock_s + taken_s, ticket))
        self._outcomes[ticket] = outcome
        self.busy_s += taken_s
        return ticket

    def _loss(self, node: str, taken_s: float, limit_s: float) -> tuple[float, Lost]:
        """At any moment of it; a task that hangs is ended at its limit."""
        self.lost += 1
        kind = self.random.random()
        if kind < TASK_HANGS:
            return limit_s, Lost(f"{node} did not end in time", node_is_there=True)
        dies = kind < TASK_HANGS + NODE_DIES
        return taken_s * self.random.random(), Lost(f"{node} broke", node_is_there=not dies)

    def ended(
        self, tickets: Collection[Ticket], patience_s: float
    ) -> Mapping[Ticket, Measured | Lost]:
        """The next one; if that comes too late, only time passes."""
        while self._ends and self._ends[0][1] not in self._outcomes:
            heappop(self._ends)  # cancelled
        if not self._ends or self._ends[0][0] > self.clock_s + patience_s:
            self.clock_s += patience_s
            return {}
        self.clock_s, ticket = heappop(self._ends)
        return {ticket: self._outcomes.pop(ticket)}

    def cancel(self, ticket: Ticket) -> None:
        """It never ends."""
        del self._outcomes[ticket]

    def now(self) -> float:
        """Seconds that have passed."""
        return self.clock_s

    def keep(self, task: object, text: bytes) -> list[str]:
        """Count what a task has measured."""
        groups = text.decode().split("\n")
        for group in groups:
            self.measured[group] = self.measured.get(group, 0) + 1
        return groups
