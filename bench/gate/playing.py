"""The rounds of a comparison: on this machine one after the other, or on the nodes of a cluster."""

from collections.abc import Iterator, Sequence
from functools import partial
from random import Random

from bench.gate import looks, rounds
from bench.gate.looks import Announce, Row
from bench.gate.request import Request
from bench.gate.rounds import Setup
from bench.gate.spread.rounds import Spread
from bench.workers.messages import Item


def results(
    request: Request,
    items: Sequence[Item],
    setup: Setup,
    random: Random,
    announce: Announce,
    spread: Spread | None,
) -> Iterator[tuple[Row, ...]]:
    """The rows after every look."""
    if spread:
        trees = {"base": setup.base, "head": setup.head}
        played = spread.rounds(trees, request.budget_s, random, announce)
        return looks.rows_of(items, request.margins, played)
    play = partial(rounds.play, setup, random)
    return looks.interim_results(items, request.margins, request.budget_s, play, announce)
