"""What a node does: rounds of two trees, in a process of its own.

`python -m bench.gate.spread.node` reads what to play on standard input, and prints what it found.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from bench.fleet.nodes import task
from bench.gate import rounds
from bench.gate.rounds import Obstacle, Setup, Times
from bench.gate.spread import trees
from bench.records.machine import PLATFORMS
from bench.records.store import adapter
from bench.timing import quiet
from bench.workers.messages import Item, die_with_parent

Round = tuple[tuple[Item, Times | Obstacle], ...]
Played = tuple[Round, ...]


@dataclass(frozen=True)
class Play:
    """A round for each seed, of the trees in the folders `base` and `head` below `root`."""

    root: str
    platform: str
    items: tuple[Item, ...]
    seeds: tuple[int, ...]


def played(
    archives: Mapping[str, bytes],
    items: Sequence[Item],
    seed: int,
    backend: str,
    numbers: Sequence[str],
    limit_s: float,
) -> bytes:
    """A task: rounds on this node, while nothing else is measured on its machine."""
    with quiet.alone():
        root = trees.unpacked(archives)
        quiet.wait()
        seeds = tuple(seed + int(number) for number in numbers)
        play = adapter(Play).dump_json(Play(str(root), PLATFORMS[backend], tuple(items), seeds))
        return task.output("bench.gate.spread.node", given=play, limit_s=limit_s)


def main() -> int:
    """Play what standard input says."""
    die_with_parent()
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print goes to standard error
    play = adapter(Play).validate_json(sys.stdin.buffer.read())
    root = Path(play.root)
    setup = Setup(root / "base", root / "head", root / "caches", play.platform)
    found = (rounds.play(setup, Random(seed), play.items) for seed in play.seeds)
    with answers:
        answers.write(adapter(Played).dump_json(tuple(tuple(each.items()) for each in found)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
