"""How well a time, and a ratio of two times, is known, and what makes it unreliable.

A process has a speed of its own for each program, as its memory happens to lie; so has a stretch of
a few seconds; only within both do turns differ by chance alone. A run therefore visits each group
of cases several times, in a fresh process each, and a visit counts as one. Its turns are known by
the tenth percentile of their calls and it by the median of its turns, because what disturbs a call
only ever adds to it. The interval over visits is that of the signed-rank test, exact for any number
of them (`bench.judging.verdicts`).

A ratio is that of turns beside each other, block by block, so that a drift that both see is in
neither. Two kernels are level where the interval of their ratio holds 1.
"""

from collections.abc import Iterable, Iterator, Sequence
from math import ceil, exp, expm1, isfinite, log
from statistics import mean, median

from bench.judging.verdicts import Interval, paired
from bench.records.run import CaseResult, Visit

CONFIDENCE = 0.95
ERROR = 1 - CONFIDENCE  # that an interval misses
LEVEL_ERROR = 0.01  # that a kernel is called faster than one that is level with it
PRECISE = 0.02  # half an interval of a ratio, relative: a group known this well needs no visit more
UNSTABLE = 0.10  # a time that is less well known than this is marked
BLOCKS = 6  # of a visit: turns of each case of a group
OTHERS = 0.10  # as is one beside which others took this share of the cores


def time(result: CaseResult) -> Interval:
    """The logarithm of the seconds a call takes; unbounded for fewer than six visits."""
    return paired(log_times(result), ERROR)


def log_times(result: CaseResult) -> list[float]:
    """What each visit has seen of it."""
    return [log(seconds(visit)) for visit in result.visits]


def seconds(visit: Visit) -> float:
    """What a call took in it."""
    return median(map(tenth_percentile, visit.samples_s))


def ratio(result: CaseResult, other: CaseResult, error: float = ERROR) -> Interval:
    """The logarithm of one kernel's time over another's, both of one group."""
    return paired(log_ratios(result, other), error)


def log_ratios(result: CaseResult, other: CaseResult) -> list[float]:
    """What each visit has seen of it."""
    visits = zip(result.visits, other.visits, strict=True)
    return [_log_ratio(*both) for both in visits]


def between(result: CaseResult, other: CaseResult) -> Interval:
    """The logarithm of one kernel's time over another's of two groups, visit by visit."""
    visits = zip(log_times(result), log_times(other), strict=False)
    return paired([one - another for one, another in visits], ERROR)


def mean_ratio(pairs: Iterable[tuple[CaseResult, CaseResult]]) -> Interval:
    """Of one kernel's times over another's in several problems: their geometric mean's logarithm.

    What a visit has seen of all of them counts as one; further visits of some do not.
    """
    ratios = [log_ratios(*pair) for pair in pairs]
    return paired(list(map(mean, zip(*ratios, strict=False))), ERROR)


def _log_ratio(visit: Visit, other: Visit) -> float:
    blocks = zip(visit.samples_s, other.samples_s, strict=True)
    return median(log(tenth_percentile(a) / tenth_percentile(b)) for a, b in blocks)


def is_level(result: CaseResult, other: CaseResult) -> bool:
    """Whether neither of two kernels of a group can be called the faster."""
    interval = ratio(result, other, LEVEL_ERROR)
    return interval.low <= 0 <= interval.high


def tenth_percentile(seconds: Sequence[float]) -> float:
    """Their tenth percentile: what a call takes while the machine leaves it alone.

    What disturbs a call only ever adds to it, by a half or more and for longer than a turn on a
    shared host, so that means and medians tell more of the host than of the call. The least of all
    samples would be one lucky one. What this does not see is a slow-down that spares a tenth of
    the calls.
    """
    ordered = sorted(seconds)
    whole, part = divmod((len(ordered) - 1) / 10, 1)  # NumPy's does it too, 40 times as slowly
    low, high = ordered[int(whole)], ordered[ceil(whole + part)]
    return low + part * (high - low)


def half_width(interval: Interval) -> float:
    """Of an interval of a logarithm, relative to its middle: 0.02 is ±2 %."""
    return expm1((interval.high - interval.low) / 2)


def is_precise(group: Sequence[CaseResult], baseline: str) -> bool:
    """Whether a further visit would add nothing that matters to the timed cases of a group."""
    return all(half_width(paired(each, ERROR)) <= PRECISE for each in levels(group, baseline))


def levels(group: Sequence[CaseResult], baseline: str) -> list[list[float]]:
    """What should be known of each result, a logarithm a visit.

    That is its ratio to the baseline's, or its time where there is nothing to compare.
    """
    known = {result.case.kernel: result for result in group}
    if baseline not in known or len(group) == 1:
        return [log_times(result) for result in group]
    return [log_ratios(result, known[baseline]) for result in group]


def ends(interval: Interval) -> tuple[float, float]:
    """Of the time or ratio itself, which may be 0 and infinite."""
    return exp(interval.low), exp(interval.high) if isfinite(interval.high) else interval.high


def unstable(result: CaseResult) -> Iterator[str]:
    """Why a timed case is not reliable, in words; nothing if it is."""
    width = half_width(time(result))
    if isfinite(width) and width > UNSTABLE:
        yield f"after {len(result.visits)} visits its time is known to ±{width:.0%} only"
    others = median(visit.conditions.others for visit in result.visits)
    if others > OTHERS:
        yield f"other processes took {others:.0%} of the cores meanwhile"
    gpus = (visit.conditions.gpu for visit in result.visits)
    if held := dict.fromkeys(why for gpu in gpus if gpu for why in gpu.throttled):
        yield f"the GPU held its clocks back: {', '.join(held)}"
