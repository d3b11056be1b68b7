"""Faster, the same, slower, or undecided: an interval on a log ratio against a margin.

Intervals belong to the Hodges-Lehmann estimate and come from inverting a rank test (Hodges &
Lehmann, "Estimates of location based on rank tests", 1963; Hollander, Wolfe & Chicken,
"Nonparametric Statistical Methods", 3rd ed., 3.2 to 3.3 and 4.2 to 4.3). Such an interval is exact
for any number of samples, which a bootstrap's is not for the few that a process each allows, and
an outlier cannot move it far. Where too few samples can support the given error, it is
unbounded: the verdict is then AMBIGUOUS, never a guess.

Paired, the test is Wilcoxon's signed-rank test. It assumes that differences are symmetric, and in
the order of a coin toss they are: of two sides that are equally fast by exchange, of one that is
slower by a factor around that factor's logarithm. Unpaired, it is the rank-sum test of Mann and
Whitney.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, reduce

import numpy as np
from jaxtyping import Float
from pydantic import ConfigDict, with_config

MARGIN = 0.05  # a change that matters, by default
PAIRED_ERROR = 0.05  # over all looks together, that an interval misses, on either side
UNPAIRED_ERROR = 0.05  # four visits against four support 2 / C(8, 4)


class Verdict(StrEnum):
    """What an interval says of the second side, against a margin that would matter."""

    FASTER = "FASTER"
    SAME = "SAME"
    SLOWER = "SLOWER"
    AMBIGUOUS = "AMBIGUOUS"


@with_config(ConfigDict(ser_json_inf_nan="strings"))
@dataclass(frozen=True)
class Interval:
    """A log ratio: its estimate and the ends of its confidence interval, which may be infinite."""

    low: float
    estimate: float
    high: float


def verdict(interval: Interval, margin: float) -> Verdict:
    """SLOWER by more than the margin (0.05 is 5 %), FASTER by more, or the SAME within it.

    The band is [-log(1 + margin), log(1 + margin)], so that exchanging the sides exchanges FASTER
    and SLOWER. AMBIGUOUS: an end of the band lies inside the interval.
    """
    band = float(np.log1p(margin))
    if interval.low > band:
        return Verdict.SLOWER
    if interval.high < -band:
        return Verdict.FASTER
    inside = -band <= interval.low and interval.high <= band
    return Verdict.SAME if inside else Verdict.AMBIGUOUS


def paired(log_ratios: Sequence[float], error: float) -> Interval:
    """Of the centre of these independent log ratios; `error` that it misses, both sides together.

    Ends are order statistics of the Walsh averages, the means of every pair and every one.
    """
    values = np.asarray(log_ratios, float)
    first, second = np.triu_indices(len(values))
    return _between((values[first] + values[second]) / 2, _signed_rank(len(values)), error)


def unpaired(base: Sequence[float], head: Sequence[float], error: float) -> Interval:
    """Of the shift from independent base to head, both logarithms of times.

    Samples that drift together must come as one, such as the median of their turn.
    """
    shifts = np.subtract.outer(np.asarray(head, float), np.asarray(base, float)).ravel()
    return _between(shifts, _rank_sum(len(base), len(head)), error)


def _between(
    candidates: Float[np.ndarray, "N"], null: Float[np.ndarray, "M"], error: float
) -> Interval:
    """The interval whose ends are as far from the extremes as the null distribution allows."""
    if not candidates.size:
        return Interval(-np.inf, np.nan, np.inf)
    ordered = np.sort(candidates)
    beyond = int(np.sum(np.cumsum(null) <= error / 2))  # candidates at or beyond each end
    low, high = (ordered[beyond - 1], ordered[-beyond]) if beyond else (-np.inf, np.inf)
    return Interval(float(low), float(np.median(ordered)), float(high))


@cache
def _signed_rank(n: int) -> Float[np.ndarray, "M"]:
    """P(W = w) for w = 0, 1, ...: every rank 1 .. n counts or not, with equal chance."""
    ranks = (np.bincount([0, rank]) / 2 for rank in range(1, n + 1))
    return reduce(np.convolve, ranks, np.ones(1))


@cache
def _rank_sum(n: int, m: int) -> Float[np.ndarray, "M"]:
    """P(U = u) for u = 0, 1, ..., n m: the largest of n + m is of the first n, or of the others."""
    if not n or not m:
        return np.ones(1)
    chances = np.zeros(n * m + 1)
    chances[m:] += n / (n + m) * _rank_sum(n - 1, m)
    chances[: n * (m - 1) + 1] += m / (n + m) * _rank_sum(n, m - 1)
    return chances
