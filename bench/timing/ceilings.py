"""Measuring the ceilings: every program in every round, the best call of each."""

from collections.abc import Sequence
from dataclasses import replace

from bench.records.facts import Ceilings
from bench.timing.clock import shortest
from bench.timing.probes import Probe, probes

ROUNDS = 3
ROUND_S = 0.03  # of a program in each round


def measure(dtypes: Sequence[str]) -> Ceilings:
    """Of this process's backend and threads, for cases in these dtypes; about three seconds.

    Rounds go through all programs, so that a slow moment of the machine falls on one round of
    each and not on all rounds of one.
    """
    every = list(probes(dtypes))
    rounds = [[_rate(probe) for probe in every] for _ in range(ROUNDS)]
    by_probe = zip(every, zip(*rounds, strict=True), strict=True)
    return tuple(replace(probe.ceiling, rounds=rates) for probe, rates in by_probe)


def _rate(probe: Probe) -> float:
    """The amount a second of the shortest call: what slows a call down is not the ceiling's."""
    return probe.amount / shortest(probe.call, ROUND_S)
