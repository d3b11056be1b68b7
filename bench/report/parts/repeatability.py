"""Whether runs of one tree on one machine agree: their intervals, winners and verdicts.

Every number is a count over pairs of such runs. A run's interval should hold another run's
estimate, which has an error of its own, in 83 of 100 cases, not in 95.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations
from math import log1p

import pandas as pd

from bench.cases.case import BASELINE
from bench.judging import precision
from bench.judging.proportions import bounds
from bench.judging.verdicts import MARGIN as MARGIN_OF_GATE
from bench.judging.verdicts import Interval, Verdict, verdict
from bench.records.run import CaseResult, Run
from bench.report import tables
from bench.report.compare.changes import MARGIN, Change, changes, comparable
from bench.report.parts.summary import PROBLEM, winners
from bench.report.section import Section, Table
from bench.report.units import percent

PLANTED = (0.05, 0.10, 0.20, 0.30)
Pair = tuple[Run, Run]
PROSE = """\
Whole runs of one suite with the same kernels, on this machine, of one commit: nothing changed
between them but the hour. Two independent 95 % intervals of one thing hold each other's estimate in
83 of 100 cases. `compare` judges by ratios to scan with a margin of {margin}; `planted` multiplies
what it judges by in the second run of a pair."""


@dataclass(frozen=True)
class Count:
    """How often something was so, of how many."""

    what: str
    goal: str
    count: int
    total: int


def section(runs: Sequence[Run]) -> Section | None:
    """The table, where there are at least two runs that should agree."""
    pairs = [pair for pair in combinations(runs, 2) if _alike(*pair)]
    rows = [_row(count) for count in counts(pairs) if count.total]
    if not rows:
        return None
    columns = {name: (name, str) for name in rows[0]}
    prose = f"{PROSE.format(margin=percent(MARGIN))} Pairs of runs: {len(pairs)}."
    return Section("Repeatability", [prose], table=Table(pd.DataFrame(rows), columns))


def _alike(first: Run, other: Run) -> bool:
    one_tree = first.source == other.source and first.source.is_known
    return one_tree and first.whole and other.whole and _of_one_kind(first, other)


def _of_one_kind(first: Run, other: Run) -> bool:
    same_suite = first.suite == other.suite and _kernels(first) == _kernels(other)
    return same_suite and comparable(first, other)


def _kernels(run: Run) -> set[str]:
    """Those beside which each was timed, and whom it could lose to."""
    return {result.case.kernel for result in run.cases if result.visits}


def _row(count: Count) -> dict[str, object]:
    low, high = bounds(count.count, count.total)
    return {
        "what": count.what,
        "of": count.total,
        "count": count.count,
        "share": percent(count.count / count.total),
        "95 % interval": f"{percent(low)} to {percent(high)}",
        "goal": count.goal,
    }


def counts(pairs: Sequence[Pair]) -> Iterator[Count]:
    """All that is counted over these pairs of runs."""
    both = [found for pair in pairs for found in _timed_in_both(*pair)]
    either_way = [order for found in both for order in permutations(found)]
    times = [_holds(precision.time(one), precision.time(other)) for one, other in either_way]
    yield _count("intervals of a time that hold the other run's", "83 %", times)
    yield _count("intervals of a ratio to scan that hold it", "83 %", _ratios_held(pairs))
    yield _count("winners that the other run does not call one", "", _winners_lost(pairs))
    yield _count("winners where the other run calls another", "below 1 %", _winners_changed(pairs))
    yield from _comparisons([each for pair in pairs for each in changes(*pair).values()])


def _comparisons(found: Sequence[Change]) -> Iterator[Count]:
    """Of equals, as they are and with something planted."""
    outcomes = [each.verdict for each in found]
    changed = [outcome in (Verdict.FASTER, Verdict.SLOWER) for outcome in outcomes]
    yield _count("`compare` of equals: FASTER or SLOWER", "below 1 %", changed)
    yield _count("the same: SAME", "above 80 %", [each == Verdict.SAME for each in outcomes])
    narrow = [verdict(each.interval, MARGIN_OF_GATE) == Verdict.SAME for each in found]
    yield _count(f"the same, were its margin {percent(MARGIN_OF_GATE)}: SAME", "", narrow)
    for extra in PLANTED:
        slower = [_slowed(each, extra) == Verdict.SLOWER for each in found]
        yield _count(f"`compare` with +{extra:.0%} planted: SLOWER", "", slower)


def _count(what: str, goal: str, found: Iterable[bool]) -> Count:
    known = list(found)
    return Count(what, goal, sum(known), len(known))


def _timed_in_both(first: Run, other: Run) -> Iterator[tuple[CaseResult, CaseResult]]:
    known = {result.case: result for result in other.cases if result.visits}
    for result in first.cases:
        if result.visits and result.case in known:
            yield result, known[result.case]


def _holds(interval: Interval, other: Interval) -> bool:
    return interval.low <= other.estimate <= interval.high


def _ratios_held(pairs: Sequence[Pair]) -> Iterator[bool]:
    for pair in pairs:
        ratios = [_ratios(run) for run in pair]
        for one, other in permutations(ratios):
            yield from (_holds(one[case], other[case]) for case in one.keys() & other.keys())


def _ratios(run: Run) -> dict[object, Interval]:
    """Of every kernel to the baseline, by case."""
    scans = {each.case.group: each for each in run.cases if each.case.kernel == BASELINE}
    return {
        result.case: precision.ratio(result, scans[result.case.group])
        for result in run.cases
        if result.visits and result.case.kernel != BASELINE and scans[result.case.group].visits
    }


def _winners_lost(pairs: Sequence[Pair]) -> Iterator[bool]:
    for _, other in _won(pairs):
        yield other.outcome != "won"


def _winners_changed(pairs: Sequence[Pair]) -> Iterator[bool]:
    for one, other in _won(pairs):
        yield other.outcome == "won" and other.best != one.best


def _won(pairs: Sequence[Pair]) -> Iterator[tuple[object, object]]:
    """Every problem that either run of a pair calls won, as both have it, this one first."""
    for pair in pairs:
        problems = [winners(tables.frame(run).assign(suite=run.suite)) for run in pair]
        rows = [dict(zip(_keys(each), each.itertuples(), strict=True)) for each in problems]
        for one, other in permutations(rows):
            for key in one.keys() & other.keys():
                if one[key].outcome == "won":
                    yield one[key], other[key]


def _keys(problems: pd.DataFrame) -> list[tuple[str, ...]]:
    return list(problems[PROBLEM].itertuples(index=False, name=None))


def _slowed(change: Change, extra: float) -> Verdict:
    interval, shift = change.interval, log1p(extra)
    slower = Interval(interval.low + shift, interval.estimate + shift, interval.high + shift)
    return verdict(slower, MARGIN)
