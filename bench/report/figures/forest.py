"""A line a change, with its interval: the largest first."""

from collections.abc import Mapping, Sequence
from math import expm1, isfinite

from matplotlib.figure import Figure

from bench.cases.case import Case
from bench.judging.verdicts import Verdict
from bench.report.compare.changes import MARGIN, Change
from bench.report.figures.svg import literal, svg
from bench.report.section import Drawing

LOOKS = {  # colours of `speed`; a verdict has its own shape too
    Verdict.FASTER: ("#009e73", "v"),
    Verdict.SAME: ("#3a9bd4", "o"),
    Verdict.SLOWER: ("#d55e00", "^"),
    Verdict.AMBIGUOUS: ("#7f7f7f", "x"),
}
LINE = 0.17  # inches


def draw(cases: Sequence[Case], found: Mapping[Case, Change]) -> Drawing:
    """These cases' changes from top to bottom."""
    figure = Figure(figsize=(9, LINE * len(cases) + 1.1), layout="constrained")
    ax = figure.subplots()
    ax.axvspan(*(100 * edge for edge in (1 / (1 + MARGIN) - 1, MARGIN)), alpha=0.12, color="gray")
    ax.axvline(0, color="black", linewidth=0.8)
    for verdict, (colour, marker) in LOOKS.items():
        lines = [i for i, case in enumerate(cases) if found[case].verdict == verdict]
        intervals = [found[cases[i]].interval for i in lines]
        ends = [
            (i, 100 * expm1(each.low), 100 * expm1(each.high))
            for i, each in zip(lines, intervals, strict=True)
            if isfinite(each.low) and isfinite(each.high)
        ]
        ax.hlines(*map(list, zip(*ends, strict=True)) if ends else ([], [], []), color=colour)
        middles = [100 * expm1(each.estimate) for each in intervals]
        ax.plot(middles, lines, marker, color=colour, markersize=4, label=verdict)
    ax.set(yticks=range(len(cases)), yticklabels=[literal(str(case)) for case in cases])
    ax.tick_params(axis="y", labelsize="x-small")
    ax.set_ylim(len(cases) - 0.5, -0.5)
    ax.set_xlabel(f"change in % (line: 95 % interval; band: a margin of {MARGIN:.0%}), slower →")
    ax.grid(axis="x", alpha=0.2)
    figure.legend(loc="outside upper center", ncols=len(LOOKS), fontsize="small")
    what = "The change of every case from the first run to the second, with its interval"
    return Drawing("compare.svg", svg(figure), what)
