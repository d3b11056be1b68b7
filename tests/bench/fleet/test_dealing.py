"""Whatever nodes do, every group is filed once or has failed with a reason."""

from dataclasses import dataclass, field
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.fleet.dealing import ATTEMPTS, Deck, Lost, deal
from bench.records.store import ResultError
from bench.studies.dealing.simulated import Simulated


def deck(nodes, groups, expected_s=12.0, done=()):
    return Deck.of(
        [f"n{i}" for i in range(nodes)], {f"g{i}": expected_s for i in range(groups)}, done
    )


def dealt(engine, *decks, keep=None):
    return list(deal(engine, decks, keep or engine.keep))


@dataclass
class OneAtATime(Simulated):
    """Notes what nodes hold, and that none ever holds two tasks."""

    holding: dict = field(default_factory=dict)

    def start(self, node, groups, limit_s):
        assert node not in self.holding.values(), f"{node} holds a task already"
        ticket = super().start(node, groups, limit_s)
        self.holding[ticket] = node
        return ticket

    def ended(self, tickets, patience_s):
        found = super().ended(tickets, patience_s)
        for ticket in found:
            del self.holding[ticket]
        return found

    def cancel(self, ticket):
        super().cancel(ticket)
        del self.holding[ticket]


@given(
    nodes=st.integers(1, 9),
    groups=st.integers(0, 80),
    losing=st.sampled_from([0.0, 0.1, 0.5]),
    seed=st.integers(0, 10**6),
)
def test_every_group_is_filed_once_or_given_up(nodes, groups, losing, seed):
    engine, cards = OneAtATime(losing, Random(seed)), deck(nodes, groups)
    ended = dealt(engine, cards)
    every = {f"g{i}" for i in range(groups)}
    assert engine.measured.keys() | cards.failures.keys() == every
    assert not engine.measured.keys() & cards.failures.keys()
    assert set(engine.measured.values()) <= {1}
    assert not engine.holding, "a task was left"
    assert len([reason for _, reason in ended if reason]) == engine.lost
    if losing == 0:
        assert not cards.failures


def test_a_group_that_is_lost_every_time_fails_alone():
    class Poisoned(Simulated):
        def ended(self, tickets, patience_s):
            (ticket, outcome), *_ = super().ended(tickets, patience_s).items()
            poisoned = b"g7" in outcome.text.split(b"\n")
            return {ticket: Lost("broke", node_is_there=True) if poisoned else outcome}

    engine, cards = Poisoned(), deck(2, 20)
    tasks = [task.groups for task, reason in dealt(engine, cards) if reason]
    assert len(tasks) == ATTEMPTS and len(tasks[0]) > 1, "it was first dealt with others"
    assert tasks[1:] == [("g7",)] * (ATTEMPTS - 1)
    assert cards.failures == {"g7": f"lost {ATTEMPTS} times, at last: broke"}
    assert len(engine.measured) == 19


def test_without_nodes_all_that_is_left_has_failed():
    class Dying(Simulated):
        def ended(self, tickets, patience_s):
            return {ticket: Lost("node died", node_is_there=False) for ticket in list(tickets)}

    cards = deck(3, 10)
    dealt(Dying(), cards)
    assert not cards.nodes
    assert set(cards.failures.values()) == {"no node of this kind is left"}
    assert len(cards.failures) == 10
    assert deck(0, 4).failures.keys() == {"g0", "g1", "g2", "g3"}


def test_other_kinds_go_on_without_a_kind_that_died():
    class OneKind(Simulated):
        def start(self, node, groups, limit_s):
            ticket = super().start(node, groups, limit_s)
            if node == "a":
                self._outcomes[ticket] = Lost("died", node_is_there=False)
            return ticket

    engine = OneKind()
    dying, living = Deck.of(["a"], {"g0": 1.0}), Deck.of(["b"], {"g0": 1.0, "g1": 1.0})
    dealt(engine, dying, living)
    assert engine.measured == {"g0": 1, "g1": 1}
    assert dying.failures and not living.failures


def test_a_task_that_hangs_is_ended_and_its_node_gets_no_more():
    class Hanging(OneAtATime):
        def start(self, node, groups, limit_s):
            ticket = super().start(node, groups, limit_s)
            if node == "n0":
                del self._outcomes[ticket]  # it never ends
            return ticket

        def cancel(self, ticket):
            assert self.holding.pop(ticket) == "n0"

    engine, cards = Hanging(), deck(2, 12)
    ended = dealt(engine, cards)
    assert cards.nodes == {"n1"}
    assert [task.node for task, reason in ended if reason] == ["n0"]
    assert len(engine.measured) == 12


def test_what_is_no_result_is_dealt_again():
    engine, cards, refused = Simulated(), deck(1, 3), []

    def keep(task, text):
        if not refused:
            refused.append(task.groups)
            raise ResultError("what n0 sent was cut short")
        return engine.keep(task, text)

    ended = dealt(engine, cards, keep=keep)
    assert [reason for _, reason in ended if reason] == ["what n0 sent was cut short"]
    assert len(engine.measured) == 3


def test_an_interrupt_ends_the_tasks_under_way():
    class Interrupted(OneAtATime):
        def ended(self, tickets, patience_s):
            raise KeyboardInterrupt

    engine = Interrupted()
    with pytest.raises(KeyboardInterrupt):
        dealt(engine, deck(3, 9))
    assert not engine.holding


def test_hands_shrink_towards_the_end():
    engine, cards = Simulated(), deck(4, 200)
    sizes = [len(task.groups) for task, _ in dealt(engine, cards)]
    assert max(sizes) > 10 and sizes[-1] == 1
    assert sum(sizes) == 200


def test_done_groups_are_not_dealt():
    engine, cards = Simulated(), deck(2, 6, done={"g1", "g4"})
    dealt(engine, cards)
    assert engine.measured.keys() == {"g0", "g2", "g3", "g5"}
