"""One kernel on one problem over the commits, in as many series as there are circumstances.

A line between two machines, setups or harnesses would say of the code what is theirs.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Float

from bench.cases.case import BASELINE, Case
from bench.judging import precision
from bench.judging.verdicts import MARGIN, Interval, paired
from bench.records.facts import Source
from bench.records.run import CaseResult, Run
from bench.report.compare.changes import MARGIN as MARGIN_OF_HOURS
from bench.report.history.collect import Entry

Results = dict[Case, CaseResult]


@dataclass(frozen=True)
class Point:
    """What one run says: a logarithm a visit, of the time and of its ratio to the baseline's.

    place: of the run in the history. ratios: empty where the run has no baseline. variant: which
    way to write the baseline was taken.
    """

    place: int
    times: tuple[float, ...]
    ratios: tuple[float, ...]
    variant: str

    @cached_property
    def time(self) -> Interval:
        """With its interval over visits."""
        return paired(self.times, precision.ERROR)

    @cached_property
    def ratio(self) -> Interval:
        """With its own; of a run with a baseline."""
        return paired(self.ratios, precision.ERROR)


@dataclass(frozen=True)
class Series:
    """Of one case, from one machine, one setup and one harness."""

    case: Case
    circumstances: tuple[str, ...]
    points: tuple[Point, ...]

    @property
    def by_ratio(self) -> bool:
        """Whether it is judged by ratios: they must all be to one program."""
        variants = {point.variant for point in self.points if point.ratios}
        return self.case.kernel != BASELINE and len(variants) == 1

    @property
    def judged(self) -> tuple[Point, ...]:
        """The points that have what it is judged by."""
        return tuple(point for point in self.points if point.ratios or not self.by_ratio)

    @property
    def margin(self) -> float:
        """Beyond which a change matters: for a time, what one hour differs from another."""
        return MARGIN if self.by_ratio else MARGIN_OF_HOURS

    @property
    def levels(self) -> Float[np.ndarray, "N"]:
        """What it is judged by, of each of those."""
        known = [point.ratio if self.by_ratio else point.time for point in self.judged]
        return np.array([interval.estimate for interval in known])


def every(entries: Sequence[Entry]) -> list[Series]:
    """All that these runs have timed."""
    points: dict[tuple[Case, tuple[str, ...]], list[Point]] = {}
    for place, entry in enumerate(entries):
        for case, point in _points(place, entry.run):
            points.setdefault((case, circumstances(entry.run)), []).append(point)
    return [Series(*of, tuple(found)) for of, found in points.items()]


def circumstances(run: Run) -> tuple[str, ...]:
    """Which must be the same along a line.

    A kernel that was filled in has a process to itself, in which it is some percent faster; and the
    harness may measure otherwise than another, or have another baseline.
    """
    filled = f"filled in by {_named(run.harness)}" if run.harness else ""
    return run.machine.fingerprint, *(text or "" for text in run.setup), filled


def _named(harness: Source) -> str:
    commit = harness.commit[:7] if harness.commit else "an unknown commit"
    return f"{commit} with local changes" if harness.dirty else commit


def _points(place: int, run: Run) -> Iterator[tuple[Case, Point]]:
    timed = {result.case: result for result in run.cases if result.visits}
    for case, result in timed.items():
        if run.harness and case.kernel == BASELINE:
            continue  # it is not this commit's
        baseline = timed.get(replace(case, kernel=BASELINE))
        ratios = precision.log_ratios(result, baseline) if baseline else ()
        variant = baseline.variant if baseline else ""
        yield case, Point(place, tuple(precision.log_times(result)), tuple(ratios), variant)
