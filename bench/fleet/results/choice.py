"""Which implementation is fastest on which machine, and which is the safe choice on all of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import exp, log
from statistics import mean

from bench.cases.case import Case
from bench.judging import precision
from bench.records.run import CaseResult, Run
from bench.report.parts.matrix import LEVEL, shade
from bench.report.section import Cell, Matrix
from bench.report.units import digits

Field = tuple[str, str, str]  # cell, pass, dtype
Problem = dict[str, CaseResult]  # what was timed, by kernel
PROSE = """\
A row is a problem. Each machine has its fastest kernel there, and how many times as long the next
takes that is not level with it; = stands between those that are level. Darker: the more time the
safe choice takes there."""


@dataclass(frozen=True)
class Score:
    """One kernel on all machines: how it does against the fastest of each problem.

    leads: problems in which it is fastest or level. timed, of: how many it was timed in, and how
    many there are. mean, worst: times the fastest; `where` it is worst, "" for one that leads.
    """

    kernel: str
    leads: int
    timed: int
    of: int
    mean: float
    worst: float
    where: str


def scores(runs: Sequence[Run]) -> dict[Field, list[Score]]:
    """By cell, pass and dtype: the kernels, the safest first.

    The safe choice was timed everywhere, and its worst is the best.
    """
    found: dict[Field, list[Problem]] = {}
    for run in runs:
        for group, problem in _problems(run).items():
            found.setdefault(_field(group), []).append(problem)
    return {field: sorted(_scores(problems), key=_risk) for field, problems in found.items()}


def sentence(field: Field, of_field: Sequence[Score]) -> str:
    """Which kernel is the safe choice there."""
    best, where = of_field[0], ", ".join(field)
    if best.timed < best.of:
        return f"{where}: no kernel was timed everywhere."
    if best.worst == 1:
        return f"{where}: {best.kernel}, the fastest in all {best.of} problems, or level with it."
    return (
        f"{where}: {best.kernel}, which takes at most {digits(best.worst)} times as long as the "
        f"fastest ({best.where}), and is fastest or level in {best.leads} of {best.of} problems."
    )


def matrices(
    labels: Sequence[str], runs: Sequence[Run], of_fields: Mapping[Field, Sequence[Score]]
) -> list[Matrix]:
    """One a cell, pass and dtype: problems by machines."""
    every = [_problems(run) for run in runs]
    groups = list(dict.fromkeys(group for problems in every for group in problems))
    return [
        Matrix(
            ", ".join(field),
            "problem",
            labels,
            {
                _name(group): [_cell(of_run.get(group), of_field[0].kernel) for of_run in every]
                for group in groups
                if _field(group) == field
            },
        )
        for field, of_field in of_fields.items()
    ]


def _field(group: Case) -> Field:
    return group.cell, group.phase, group.dtype


def _name(group: Case) -> str:
    return ", ".join(filter(None, (group.workload.name, group.scope, group.where)))


def _problems(run: Run) -> dict[Case, Problem]:
    found: dict[Case, Problem] = {}
    for result in run.cases:
        if result.visits:
            found.setdefault(result.case.group, {})[result.case.kernel] = result
    return found


def _factors(problem: Problem) -> dict[str, float]:
    """Times the fastest, 1 for all that are level with it; the fastest first."""
    best = _ranked(problem)[0]
    return {
        result.case.kernel: 1.0 if precision.is_level(result, best) else _factor(result, best)
        for result in _ranked(problem)
    }


def _ranked(problem: Problem) -> list[CaseResult]:
    return sorted(problem.values(), key=lambda result: precision.time(result).estimate)


def _factor(result: CaseResult, other: CaseResult) -> float:
    return exp(precision.ratio(result, other).estimate)


def _scores(problems: Sequence[Problem]) -> Iterator[Score]:
    every = [_factors(problem) for problem in problems]
    groups = [next(iter(problem.values())).case.group for problem in problems]
    for kernel in dict.fromkeys(kernel for factors in every for kernel in factors):
        own = {i: factors[kernel] for i, factors in enumerate(every) if kernel in factors}
        worst = max(own, key=own.get)
        yield Score(
            kernel,
            leads=sum(factor == 1 for factor in own.values()),
            timed=len(own),
            of=len(problems),
            mean=exp(mean(map(log, own.values()))),
            worst=own[worst],
            where=_name(groups[worst]) if own[worst] > 1 else "",
        )


def _risk(score: Score) -> tuple[int, float, float]:
    return score.of - score.timed, score.worst, score.mean


def _cell(problem: Problem | None, safe: str) -> Cell:
    if not problem:
        return Cell()
    best, *others = _ranked(problem)
    level = [each.case.kernel for each in others if precision.is_level(each, best)]
    names = " = ".join((best.case.kernel, *level))
    behind = [_factor(each, best) for each in others if each.case.kernel not in level]
    text = f"{names}, {digits(min(behind))}" if behind else names
    own = _factors(problem).get(safe)
    darkness = LEVEL if own == 1 else None if own is None else shade(own)
    return Cell(text, strong=not level, shade=darkness)
