"""Rounds until every item has its verdict, or the budget ends.

Looking at the data after every round and stopping at the first verdict one likes is wrong more
often than any one interval admits. So there are three looks, after fixed numbers of rounds, which
share the error equally: then all intervals of a case hold together (Bonferroni; Jennison &
Turnbull, "Interim analyses: the repeated confidence interval approach", 1989), whenever one stops.
Eight rounds are what an exact interval of that error needs to be rid of its outermost value.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import isfinite
from time import monotonic
from typing import Literal

from bench.gate.margins import Margins
from bench.gate.rounds import Found, Obstacle, Times
from bench.judging.verdicts import PAIRED_ERROR, Interval, Verdict, paired, verdict
from bench.workers.messages import Item

LOOKS = (8, 16, 24)  # rounds
FAILING = ("SLOWER", "WRONG", "FAILED")
Announce = Callable[[int, int], None]  # the round that begins, of how many
# Plays the rounds after one number up to another, fewer if time is out, of the items that are still
# active: after each round there may be fewer.
Rounds = Callable[[Sequence[Item], int, int], Iterator[Found]]


@dataclass(frozen=True)
class Row:
    """What became of an item. Without an interval, the reason says why there is none."""

    item: Item
    margin: float  # 0.05 is 5 %
    outcome: Verdict | Literal["WRONG", "FAILED", "UNTIMED"]
    reason: str = ""
    interval: Interval | None = None  # of log(head / base)
    rounds: tuple[Times, ...] = ()


def interim_results(
    items: Sequence[Item],
    margins: Margins,
    budget_s: int | float,
    play: Callable[[Sequence[Item]], Found],
    announce: Announce,
) -> Iterator[tuple[Row, ...]]:
    """The rows after every look, of rounds that `play` plays one after the other.

    Only what is still ambiguous is timed any further. Past the budget no round begins.
    """
    begin = monotonic()

    def rounds(active: Sequence[Item], played: int, look: int) -> Iterator[Found]:
        for number in range(played + 1, look + 1):
            if not active or monotonic() - begin >= budget_s:
                return
            announce(number, look)
            yield play(list(active))

    return rows_of(items, margins, rounds)


def rows_of(items: Sequence[Item], margins: Margins, rounds: Rounds) -> Iterator[tuple[Row, ...]]:
    """The rows after every look, of rounds that come from anywhere."""
    history: dict[Item, list[Times | Obstacle]] = {item: [] for item in items}
    active, played = list(items), 0
    for look in LOOKS:
        for found in rounds(active, played, look):
            played += 1
            for item, outcome in found.items():
                history[item].append(outcome)
            active[:] = [item for item in active if isinstance(history[item][-1], Times)]
        rows = tuple(row(item, margins.of(item.case), found) for item, found in history.items())
        yield rows
        active[:] = [each.item for each in rows if each.outcome == Verdict.AMBIGUOUS]
        if played < look or not active:
            return


def row(item: Item, margin: float, history: Sequence[Times | Obstacle]) -> Row:
    """The verdict at the last look that these rounds have reached."""
    for found in history:
        if isinstance(found, Obstacle):
            return Row(item, margin, found.outcome, found.reason)
    reached = max((look for look in LOOKS if look <= len(history)), default=0)
    log_ratios = [times.log_ratio for times in history[:reached]]
    interval = paired(log_ratios, PAIRED_ERROR / len(LOOKS))
    return Row(item, margin, verdict(interval, margin), "", interval, tuple(history))


def failed(rows: Sequence[Row], *, strict: bool) -> bool:
    """Whether the gate stays shut: also where nothing could be compared at all."""
    failing = (*FAILING, "AMBIGUOUS") if strict else FAILING
    compared = any(row.interval and isfinite(row.interval.low) for row in rows)
    return any(row.outcome in failing for row in rows) or not compared
