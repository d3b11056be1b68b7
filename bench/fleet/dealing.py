"""Who measures what: groups go to idle nodes, and what a node loses is dealt again.

Nothing here knows an engine, or a clock but the engine's own, so that a simulated one can be dealt
to as well.
"""

from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import fsum
from typing import Protocol, runtime_checkable

from bench.records.store import ResultError

ATTEMPTS = 3  # of a group, after which it has failed
TASK_S = 60.0  # seconds a task takes beyond its groups: JAX starts eight times
LARGEST_HAND_S = 600.0  # of groups in one task: what a node that dies has lost
TURNS_A_NODE = 2  # into which what is left is divided, so that no node waits long for the last
GENEROUS = 5  # times what a task should take, after which its node ends it
BACKSTOP = 10  # times that limit: a task may first wait for others, but not for ever

Ticket = object  # whatever the engine knows a task by


@dataclass(frozen=True)
class Measured:
    """What a task gave: the text of a result file."""

    text: bytes


@dataclass(frozen=True)
class Lost:
    """Why a task gave nothing, and whether its node can take another."""

    reason: str
    node_is_there: bool


@runtime_checkable
class Engine(Protocol):
    """Runs tasks on nodes."""

    def start(self, node: str, groups: Sequence[str], limit_s: float) -> Ticket:
        """Begin to measure groups on a node, which ends that after so many seconds of its own."""

    def ended(
        self, tickets: Collection[Ticket], patience_s: float
    ) -> Mapping[Ticket, Measured | Lost]:
        """Those that have ended, as soon as one has; none after so many seconds."""

    def cancel(self, ticket: Ticket) -> None:
        """End a task and all that it has started."""

    def now(self) -> float:
        """Seconds, by the clock of `ended`."""


@dataclass
class Deck:
    """The groups that nodes of one kind have yet to measure, and what became of the others.

    expected_s: what each should take. patience_s: what a task may take beyond that. attempts: of
    those that were lost. failures: why a group is given up, by its name.
    """

    nodes: set[str]
    groups: deque[str]
    expected_s: Mapping[str, float]
    patience_s: float = 0.0
    again: deque[str] = field(default_factory=deque)
    attempts: Counter[str] = field(default_factory=Counter)
    failures: dict[str, str] = field(default_factory=dict)
    _left_s: float = field(init=False)  # of `groups`

    def __post_init__(self) -> None:
        self._left_s = self.seconds(self.groups)
        self._give_up_without_nodes()

    @classmethod
    def of(
        cls,
        nodes: Iterable[str],
        groups: Mapping[str, float],
        done: Collection[str] = (),
        patience_s: float = 0.0,
    ) -> "Deck":
        """What is not done yet of groups that should take so many seconds."""
        left = deque(group for group in groups if group not in done)
        return cls(set(nodes), left, groups, patience_s)

    def seconds(self, groups: Iterable[str]) -> float:
        """What they should take."""
        return fsum(self.expected_s[group] for group in groups)

    def hand(self) -> tuple[str, ...]:
        """The next groups for one node; one alone if it was lost before, for it may be why."""
        if not self.groups:
            return (self.again.popleft(),) if self.again else ()
        wanted_s = min(self._left_s / (TURNS_A_NODE * len(self.nodes)), LARGEST_HAND_S)
        hand: list[str] = []
        while self.groups and (not hand or self.seconds(hand) < wanted_s):
            hand.append(self.groups.popleft())
        self._left_s -= self.seconds(hand)
        return tuple(hand)

    def take_back(self, groups: Sequence[str], reason: str) -> None:
        """Deal them again, but for those that were lost too often."""
        for group in groups:
            self.attempts[group] += 1
            if self.attempts[group] < ATTEMPTS:
                self.again.append(group)
            else:
                self.failures[group] = f"lost {ATTEMPTS} times, at last: {reason}"

    def without(self, node: str) -> None:
        """The node is gone; with the last one, all that is left has failed."""
        self.nodes.discard(node)
        self._give_up_without_nodes()

    def _give_up_without_nodes(self) -> None:
        if not self.nodes:
            left = (*self.groups, *self.again)
            self.failures |= dict.fromkeys(left, "no node of this kind is left")
            self.groups, self.again = deque(), deque()


@dataclass(frozen=True)
class Task:
    """What a node holds, and until when."""

    deck: Deck
    node: str
    groups: tuple[str, ...]
    deadline: float


Keep = Callable[[Task, bytes], Collection[str]]


def deal(engine: Engine, decks: Sequence[Deck], keep: Keep) -> Iterator[tuple[Task, str]]:
    """Deal until nothing is left; yields every task that has ended, and why it gave nothing.

    `keep` files what a node has measured, and returns the groups that are now filed; it raises
    ResultError for what is no result of this task. Whatever ends this ends the tasks under way.
    """
    held: dict[Ticket, Task] = {}
    idle = [(deck, node) for deck in decks for node in sorted(deck.nodes)]
    try:
        while True:
            idle = [each for each in idle if not _given(engine, held, *each)]
            if not held:
                return
            patience_s = max(min(task.deadline for task in held.values()) - engine.now(), 0.0)
            ended = engine.ended(held, patience_s) or _late(engine, held)
            for ticket, outcome in ended.items():
                task = held.pop(ticket)
                reason = _settled(task, outcome, keep)
                if task.node in task.deck.nodes:
                    idle.append((task.deck, task.node))
                yield task, reason
    finally:
        for ticket in held:
            engine.cancel(ticket)


def _given(engine: Engine, held: dict[Ticket, Task], deck: Deck, node: str) -> bool:
    """Give an idle node its next groups, if there are any."""
    groups = deck.hand()
    if groups:
        limit_s = deck.patience_s + GENEROUS * (TASK_S + deck.seconds(groups))
        deadline = engine.now() + BACKSTOP * limit_s
        held[engine.start(node, groups, limit_s)] = Task(deck, node, groups, deadline)
    return bool(groups)


def _late(engine: Engine, held: Mapping[Ticket, Task]) -> dict[Ticket, Lost]:
    """Tasks past their deadline, which end now. Their nodes may be hanging too: none gets more."""
    now = engine.now()
    late = {ticket: task for ticket, task in held.items() if task.deadline <= now}
    for ticket in late:
        engine.cancel(ticket)
    return {
        ticket: Lost(f"{task.node} did not end within its limit", node_is_there=False)
        for ticket, task in late.items()
    }


def _settled(task: Task, outcome: Measured | Lost, keep: Keep) -> str:
    """File what came, and take back what did not; why it did not, if so."""
    filed: Collection[str] = ()
    if isinstance(outcome, Lost):
        reason = outcome.reason
    else:
        reason = f"{task.node} did not measure it"
        try:
            filed = keep(task, outcome.text)
        except ResultError as error:
            reason = str(error)
    missing = [group for group in task.groups if group not in filed]
    task.deck.take_back(missing, reason)
    if isinstance(outcome, Lost) and not outcome.node_is_there:
        task.deck.without(task.node)
    return reason if missing else ""
