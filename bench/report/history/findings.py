"""The steps of a history, each with the commit that is its first."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import log1p

from bench.cases.case import BASELINE
from bench.judging.verdicts import Interval
from bench.report.history import steps
from bench.report.history.series import Series


@dataclass(frozen=True)
class Finding:
    """A step of a series: from the run at `before` in the history to the next one, at `at`."""

    series: Series
    before: int
    at: int
    interval: Interval


def all_of(every: Sequence[Series]) -> list[Finding]:
    """The largest first.

    A step of the baseline is also one of every ratio to it, the other way: those are left out,
    unless the kernel's own time has changed as well.
    """
    found = [finding for series in every for finding in _of(series)]
    own = [finding for finding in found if not _is_the_baselines(finding, found)]
    return sorted(own, key=lambda finding: -abs(finding.interval.estimate))


def _of(series: Series) -> list[Finding]:
    places = [point.place for point in series.judged]
    return [
        Finding(series, places[step.at - 1], places[step.at], step.interval)
        for step in steps.found(series.levels, series.margin)
    ]


def _is_the_baselines(finding: Finding, found: Sequence[Finding]) -> bool:
    """Whether both together leave the kernel's time as it was, as well as an hour can tell."""
    baseline = replace(finding.series.case, kernel=BASELINE)
    return finding.series.by_ratio and any(
        other.series.case == baseline
        and other.series.circumstances == finding.series.circumstances
        and other.at == finding.at
        and abs(other.interval.estimate + finding.interval.estimate) <= log1p(other.series.margin)
        for other in found
    )
