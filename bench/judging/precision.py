"""How precise a median is, and what makes a case's time unreliable.

Rounds of one turn are correlated; the medians of turns nearly are independent. The interval is
Student's t on the logarithms of those medians: the method of batch means (Law, "Simulation Modeling
and Analysis", 5th ed., 9.5.3; for benchmarks Georges, Buytaert & Eeckhout, "Statistically Rigorous
Java Performance Evaluation", OOPSLA 2007). Stopping once it is narrow costs a little of its
confidence: simulated with normal turns of 1 to 12 % spread, it holds the true median in 92 to 95
cases of 100.
"""

from collections.abc import Iterator, Sequence
from math import exp, inf, sqrt

import numpy as np
from scipy.special import stdtrit

from bench.records.run import CaseResult

CONFIDENCE = 0.95
PRECISE = 0.05  # half an interval, relative: a case that is known this well needs no more turns
UNSTABLE = 0.10  # one that is still this wide when its time is spent is marked
OTHERS = 0.10  # as is one beside which others took this share of the cores
# Times that every kernel of a group has its turn. A case is known by its turns' medians: fewer than
# four say too little of how they spread.
FEWEST_BLOCKS, MOST_BLOCKS = 4, 10

Turns = Sequence[Sequence[float]]


def interval(turns: Turns) -> tuple[float, float]:
    """Where the median lies, in seconds: of the medians of turns; unbounded for fewer than two."""
    if len(turns) < 2:
        return 0.0, inf
    logs = np.log([np.median(turn) for turn in turns])
    # By the function behind scipy.stats, which takes every worker half a second to import.
    quantile = float(stdtrit(len(logs) - 1, (1 + CONFIDENCE) / 2))
    reach = quantile * float(np.std(logs, ddof=1)) / sqrt(len(logs))
    centre = float(logs.mean())
    return exp(centre - reach), exp(centre + reach)


def half_width(low: float, high: float) -> float:
    """Of an interval, relative to its middle on a logarithmic scale: 0.02 is ±2 %."""
    return sqrt(high / low) - 1 if low > 0 else inf


def is_precise(turns: Turns) -> bool:
    """Whether more turns would add nothing that matters."""
    return half_width(*interval(turns)) <= PRECISE


def tenth_percentile(seconds: Sequence[float]) -> float:
    """Their tenth percentile: what a call takes while the machine leaves it alone.

    What disturbs a call only ever adds to it, by a half or more and for longer than a turn on a
    shared host, so that means and medians tell more of the host than of the call. The least of all
    samples would be one lucky one. What this does not see is a slow-down that spares a tenth of
    the calls.
    """
    return float(np.quantile(seconds, 0.1))


def unstable(result: CaseResult) -> Iterator[str]:
    """Why a timed case is not to be relied upon, in words; nothing if it is."""
    if result.interval_s and (width := half_width(*result.interval_s)) > UNSTABLE:
        yield f"after {len(result.samples_s)} turns the median is known to ±{width:.0%} only"
    conditions = result.conditions
    if conditions and conditions.others > OTHERS:
        yield f"other processes took {conditions.others:.0%} of the cores meanwhile"
    if conditions and conditions.gpu and conditions.gpu.throttled:
        yield f"the GPU held its clocks back: {', '.join(conditions.gpu.throttled)}"
