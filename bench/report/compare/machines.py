"""Runs of several machines or backends: which of them is worth it, for what."""

from collections.abc import Iterator, Mapping, Sequence
from math import exp, isfinite
from statistics import mean

from bench.cases.case import Case
from bench.judging import precision
from bench.judging.precision import LEVEL_ERROR
from bench.judging.verdicts import UNPAIRED_ERROR, Interval, unpaired
from bench.records.run import CaseResult
from bench.report.compare.comparison import Every, labelled
from bench.report.pages.markup import plain
from bench.report.parts.matrix import LEVEL, shade
from bench.report.section import Cell, Matrix, Section
from bench.report.units import digits, seconds

Field = tuple[str, str, str]  # cell, pass, dtype
Fastest = Sequence[CaseResult | None]  # of a problem, one a run
PROSE = """\
A row is a problem. Each run has its fastest kernel there; the fastest of all is in bold with its
time, every other says how many times as long it takes, and = that it is level."""


def section(every: Every) -> Section:
    """The sentences, and a matrix of problems for every cell, pass and dtype."""
    matrices = [_matrix(field, part) for field, part in _fields(every).items()]
    prose = [plain(sentence) for sentence in sentences(every)]
    return Section("Which machine, for what", [*prose, PROSE], matrices=matrices)


def sentences(every: Every) -> list[str]:
    """One a cell, pass and dtype on every run against the first."""
    return [line for field, part in _fields(every).items() for line in _sentences(field, part)]


def _fields(every: Every) -> dict[Field, dict[Case, Fastest]]:
    fields: dict[Field, dict[Case, Fastest]] = {}
    for problem, results in _fastest(every).items():
        field = problem.cell, problem.phase, problem.dtype
        fields.setdefault(field, {})[problem] = results
    return fields


def _fastest(every: Every) -> dict[Case, Fastest]:
    """Of every problem that some run has timed."""
    groups: dict[Case, list[Sequence[CaseResult | None]]] = {}
    for case, results in every.items():
        groups.setdefault(case.group, []).append(results)
    found = {
        group: [_least(run) for run in zip(*part, strict=True)] for group, part in groups.items()
    }
    return {group: results for group, results in found.items() if any(results)}


def _least(results: Sequence[CaseResult | None]) -> CaseResult | None:
    timed = [result for result in results if result and result.visits]
    return min(timed, key=_level, default=None)


def _level(result: CaseResult) -> float:
    return precision.time(result).estimate


def _sentences(field: Field, part: Mapping[Case, Fastest]) -> Iterator[str]:
    first, *others = labelled(len(next(iter(part.values()))))
    for number, label in enumerate(others, start=1):
        pairs = [(each[0], each[number]) for each in part.values() if each[0] and each[number]]
        if pairs:
            yield f"{', '.join(field)}: {_sentence(first, label, pairs)}"


def _sentence(first: str, label: str, pairs: Sequence[tuple[CaseResult, CaseResult]]) -> str:
    ratios = [_ratio(*pair, LEVEL_ERROR) for pair in pairs]
    faster, slower = (
        sum(each.high < 0 for each in ratios),
        sum(each.low > 0 for each in ratios),
    )
    whole = _mean(pairs)
    ends = f" ({digits(exp(-whole.high))} to {digits(exp(-whole.low))})"
    known = ends if isfinite(whole.high) else ""
    return (
        f"{label} is faster than {first} in {faster} of {len(pairs)} problems and slower in "
        f"{slower}; over all it is {digits(exp(-whole.estimate))} times as fast{known}."
    )


def _ratio(one: CaseResult, other: CaseResult, error: float) -> Interval:
    """The logarithm of the other's time over the one's, of two machines."""
    return unpaired(precision.log_times(one), precision.log_times(other), error)


def _mean(pairs: Sequence[tuple[CaseResult, CaseResult]]) -> Interval:
    """What a visit has seen of all problems counts as one."""
    sides = ([precision.log_times(result) for result in side] for side in zip(*pairs, strict=True))
    return unpaired(*(list(map(mean, zip(*side, strict=False))) for side in sides), UNPAIRED_ERROR)


def _matrix(field: Field, part: Mapping[Case, Fastest]) -> Matrix:
    runs = list(labelled(len(next(iter(part.values())))))
    rows = {
        f"{problem.workload.name}, {problem.scope}": _cells(results)
        for problem, results in part.items()
    }
    return Matrix(", ".join(field), "problem", runs, rows)


def _cells(results: Fastest) -> list[Cell]:
    best = _least(results)
    return [_cell(result, best) for result in results]


def _cell(result: CaseResult | None, best: CaseResult) -> Cell:
    if result is None:
        return Cell()
    if result is best:
        return Cell(f"{result.case.kernel} {seconds(exp(_level(best)))}", strong=True, shade=LEVEL)
    interval = _ratio(best, result, LEVEL_ERROR)
    factor = exp(interval.estimate)
    if interval.low <= 0 <= interval.high:
        return Cell(f"{result.case.kernel} = {digits(factor)}", shade=LEVEL)
    return Cell(f"{result.case.kernel} {digits(factor)}", shade=shade(factor))
