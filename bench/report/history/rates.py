"""How often a step is marked where there is none, and found where there is one.

In simulated series, whose noise is normal and the same in every run; and in what runs of one commit
on this machine have really measured.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import log1p
from statistics import median

import numpy as np
from jaxtyping import Float

from bench.cases.case import BASELINE
from bench.judging.verdicts import MARGIN
from bench.report.history import steps
from bench.report.history.series import Series

LENGTHS = (6, 10, 20, 50)  # runs of a series
NOISE = (0.02, 0.10)  # standard deviations from run to run: as seen here, and beyond the margin
PLANTED = (0.10, 0.20)  # beside the first noise
EQUAL, WITH_STEP = 1000, 200  # series of each kind
SEED = 4
VISITS = 4  # of a run, in each part that stands for one: of one commit there are few runs


@dataclass(frozen=True)
class Rate:
    """Of series with these runs and this noise: how many were called right, or wrong."""

    what: str
    runs: str
    count: int
    total: int


def simulated() -> Iterator[Rate]:
    """False alarms at every length and noise, then planted steps that were found in their place."""
    random = np.random.default_rng(SEED)
    for noise in NOISE:
        for runs in LENGTHS:
            wrong = [bool(steps.found(random.normal(0, noise, runs), MARGIN)) for _ in range(EQUAL)]
            what = f"simulated, noise {noise:.0%}: any step marked"
            yield Rate(what, str(runs), sum(wrong), len(wrong))
    for size in PLANTED:
        for runs in LENGTHS:
            right = [_is_found(random, size, runs) for _ in range(WITH_STEP)]
            what = f"simulated, noise {NOISE[0]:.0%}, {size:+.0%} planted: found at its run"
            yield Rate(what, str(runs), sum(right), len(right))


def _is_found(random: np.random.Generator, size: float, runs: int) -> bool:
    """Whether a step is, anywhere that leaves enough runs on either side."""
    at = int(random.integers(steps.FEWEST, runs - steps.FEWEST, endpoint=True))
    levels = random.normal(0, NOISE[0], runs)
    levels[at:] += log1p(size)
    return at in {step.at for step in steps.found(levels, MARGIN)}


def real(every: Sequence[Series], commits: Sequence[str]) -> Iterator[Rate]:
    """Series of runs of one commit, in parts of a few visits, of which any step is marked.

    `commits`: of the history's runs, by place. A part is less well known than a run, and two of one
    run see the same hour.
    """
    for by_ratio, of in ((True, f"ratios to {BASELINE}"), (False, "times")):
        alike = [series for series in every if series.by_ratio == by_ratio]
        cut = [(parts, each.margin) for each in alike for parts in _of_one_commit(each, commits)]
        wrong = [bool(steps.found(*each)) for each in cut]
        lengths = sorted({len(parts) for parts, _ in cut})
        runs = " to ".join(map(str, lengths if len(lengths) < 2 else (lengths[0], lengths[-1])))
        yield Rate(f"real, {of}, nothing changed: any step marked", runs, sum(wrong), len(wrong))


def _of_one_commit(series: Series, commits: Sequence[str]) -> Iterator[Float[np.ndarray, "N"]]:
    """The levels of the parts, for every commit that has enough for a step."""
    for _, points in groupby(series.judged, key=lambda point: commits[point.place]):
        runs = [point.ratios if series.by_ratio else point.times for point in points]
        parts = [level for visits in runs for level in _parts(visits)]
        if len(runs) > 1 and len(parts) >= 2 * steps.FEWEST:
            yield np.array(parts)


def _parts(visits: Sequence[float]) -> Iterator[float]:
    """What is left of them at the end is too little for one."""
    for start in range(0, len(visits) - VISITS + 1, VISITS):
        yield median(visits[start : start + VISITS])
