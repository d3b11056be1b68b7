"""Where a series of levels changes for good.

The least squares fit of a piecewise constant function (ruptures: Truong, Oudre & Vayatis,
"Selective review of offline change point detection methods", 2020) proposes the steps. A penalty
alone, however, is wrong as often as the noise that it is scaled by, which a few runs tell badly.
So a step also has to stand a t test between the runs before it and after it, whose error is shared
among all places where it could have been, and to be larger than what matters. The least sure is
dropped until all that are left do. `rates` counts how often that is wrong.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import log, log1p, sqrt
from statistics import mean

import numpy as np
import ruptures
from jaxtyping import Float
from scipy import stats

from bench.judging.precision import CONFIDENCE
from bench.judging.verdicts import Interval

FEWEST = 3  # runs before a step, and after it
ERROR = 0.01  # that a series without steps has one, at most
PENALTY = 3.0  # of a step, times the noise's variance and the logarithm of the number of runs
LEAST_NOISE = float(np.finfo(float).eps)  # levels may be equal, and nothing is divided by zero
NORMAL_MEDIAN = stats.norm.ppf(0.75)  # of the distance from the middle, in standard deviations


@dataclass(frozen=True)
class Step:
    """Between the level `at` and the one before it; the levels of the stretches that it parts."""

    at: int
    before: tuple[float, ...]
    after: tuple[float, ...]

    @property
    def size(self) -> float:
        """By how much the mean level changes."""
        return mean(self.after) - mean(self.before)

    @cached_property
    def chance(self) -> float:
        """Of so large a step by noise alone, at a place given beforehand."""
        return 2 * float(stats.t.sf(abs(self.size) / self._error, self._freedom))

    @property
    def interval(self) -> Interval:
        """Of its size, a run counting as one, if its place is right."""
        reach = self._error * float(stats.t.ppf((1 + CONFIDENCE) / 2, self._freedom))
        return Interval(self.size - reach, self.size, self.size + reach)

    @property
    def _freedom(self) -> int:
        return len(self.before) + len(self.after) - 2

    @cached_property
    def _error(self) -> float:
        """Student's, of the size, if levels spread alike on either side.

        Not by `scipy.stats.ttest_ind`, which warns on the terminal where levels are equal.
        """
        squares = sum(len(each) * float(np.var(each)) for each in (self.before, self.after))
        runs = 1 / len(self.before) + 1 / len(self.after)
        return max(sqrt(runs * squares / self._freedom), LEAST_NOISE)


def found(levels: Float[np.ndarray, "N"], margin: float) -> list[Step]:
    """The steps in a series of logarithms, those beyond the margin (0.05 is 5 %), in order."""
    places = len(levels) - 2 * FEWEST + 1
    if places < 1:
        return []
    edges = _edges(levels)
    while steps := list(_steps(levels, edges)):
        chance, least_sure = max((_chance(step, margin), step.at) for step in steps)
        if chance <= ERROR / places:
            break
        edges.remove(least_sure)
    return steps


def _chance(step: Step, margin: float) -> float:
    """Certain, of one that is too small to matter."""
    return step.chance if abs(step.size) > log1p(margin) else 1.0


def _steps(levels: Float[np.ndarray, "N"], edges: Sequence[int]) -> Iterator[Step]:
    stretches = [tuple(levels[start:end].tolist()) for start, end in pairwise(edges)]
    for at, (before, after) in zip(edges[1:], pairwise(stretches), strict=False):
        yield Step(at, before, after)


def _edges(levels: Float[np.ndarray, "N"]) -> list[int]:
    """Of the stretches that fit best: 0, every place where one ends, the number of levels."""
    search = ruptures.KernelCPD(kernel="linear", min_size=FEWEST).fit(levels[:, np.newaxis])
    penalty = PENALTY * log(len(levels)) * _noise(levels) ** 2
    return [0, *map(int, search.predict(pen=penalty))]


def _noise(levels: Float[np.ndarray, "N"]) -> float:
    """The standard deviation, from successive differences: few of them see a step.

    Never zero: with no penalty at all, equal levels are parted as well.
    """
    middle = np.median(np.abs(np.diff(levels))) / (NORMAL_MEDIAN * np.sqrt(2))
    return max(float(middle), LEAST_NOISE)
