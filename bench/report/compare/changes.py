"""What changed from one run to another on the same machine, case by case and on the whole.

The machine is a few percent faster or slower from hour to hour, for all kernels alike. So a kernel
is judged by its ratio to the baseline, where that is one program in both runs, and only the
baseline itself by its time. What is left still differs by more than within a run: the margin is
twice that of the gate, which alternates the two sides.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import mean

from bench.cases.case import BASELINE, Case
from bench.judging import precision
from bench.judging.verdicts import UNPAIRED_ERROR, Interval, Verdict, paired, unpaired, verdict
from bench.records.run import SUITE, UNKNOWN, CaseResult, Run

MARGIN = 0.10  # a change that two runs can tell from one between hours

Results = Mapping[Case, CaseResult]


@dataclass(frozen=True)
class Change:
    """Of a case: of its time, or of its ratio to the baseline; a logarithm a visit of each run.

    paired: visits took turns, so that what they share of a drift is in neither.
    """

    first: tuple[float, ...]
    other: tuple[float, ...]
    by_ratio: bool
    paired: bool

    @property
    def interval(self) -> Interval:
        """Of the logarithm of the other run's over the first's."""
        return _interval(self.first, self.other, self.paired)

    @property
    def verdict(self) -> Verdict:
        """With the margin of two runs."""
        return verdict(self.interval, MARGIN)


@dataclass(frozen=True)
class Summary:
    """Of a kernel, cell and pass: the geometric mean of its changes, how often which verdict."""

    kernel: str
    cell: str
    phase: str
    interval: Interval
    verdicts: Counter[Verdict]


def comparable(first: Run, other: Run) -> bool:
    """Whether a verdict would speak of the code: not of two machines, nor of two ways to measure.

    Kernels of a run that was filled in have a process each, beside the scan of the harness.
    """
    harness = first.harness
    same_way = harness == other.harness and (harness is None or harness.is_known)
    return same_way and not first.machine.differing(other.machine)


def changes(first: Run, other: Run) -> dict[Case, Change]:
    """Of every case that both have timed."""
    one, another = _timed(first), _timed(other)
    both = [case for case in one if case in another]
    fixed: set[Case] = set()
    took_turns = first.together == other.together != ""
    if first.setup == other.setup:
        suite = first.versions.get(SUITE)
        same_suite = suite == other.versions.get(SUITE) != UNKNOWN
        same_code = same_suite and first.source.is_known and first.source == other.source
        fixed = {case.group for case in both if _is_fixed(case, one, another, same_code)}
    return {
        case: replace(_change(case, one, another, case.group in fixed), paired=took_turns)
        for case in both
    }


def _timed(run: Run) -> Results:
    return {result.case: result for result in run.cases if result.visits}


def _is_fixed(case: Case, one: Results, another: Results, same_code: bool) -> bool:
    """Whether this is the baseline, and one program: of other code it must not seem to differ."""
    if case.kernel != BASELINE or one[case].variant != another[case].variant:
        return False
    own = _change(case, one, another, fixed=False).verdict
    return same_code or own in (Verdict.SAME, Verdict.AMBIGUOUS)


def _change(case: Case, one: Results, another: Results, fixed: bool) -> Change:
    by_ratio = fixed and case.kernel != BASELINE
    levels = (_levels(results, case, by_ratio) for results in (one, another))
    return Change(*levels, by_ratio, paired=False)


def _levels(results: Results, case: Case, by_ratio: bool) -> tuple[float, ...]:
    if by_ratio:
        baseline = results[replace(case, kernel=BASELINE)]
        return tuple(precision.log_ratios(results[case], baseline))
    return tuple(precision.log_times(results[case]))


def summaries(found: Mapping[Case, Change]) -> list[Summary]:
    """By cell and kernel in the order of the cases, a cell's by pass."""
    cells = list(dict.fromkeys(case.cell for case in found))
    parts: dict[tuple[int, str, str], list[Change]] = {}
    for case, each in found.items():
        parts.setdefault((cells.index(case.cell), case.phase, case.kernel), []).append(each)
    return [
        Summary(kernel, cells[cell], phase, _mean(part), Counter(each.verdict for each in part))
        for (cell, phase, kernel), part in sorted(parts.items(), key=lambda part: part[0][:2])
    ]


def _mean(part: list[Change]) -> Interval:
    """What a visit has seen of all cases counts as one."""
    sides = ([each.first for each in part], [each.other for each in part])
    levels = (list(map(mean, zip(*side, strict=False))) for side in sides)
    return _interval(*levels, part[0].paired)


def _interval(first: Sequence[float], other: Sequence[float], took_turns: bool) -> Interval:
    if not took_turns:
        return unpaired(first, other, UNPAIRED_ERROR)
    visits = zip(first, other, strict=False)
    return paired([after - before for before, after in visits], UNPAIRED_ERROR)
