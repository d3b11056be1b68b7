"""The gate's part of a machine's report: how often it is right and wrong there."""

from pathlib import Path

from bench.regress import rates
from bench.regress.judge import LOOKS
from bench.regress.record import SelfTest
from bench.report.origins import not_whole
from bench.report.prose import link
from bench.report.sections import Drawing, Section
from bench.units import percent


def section(found: SelfTest, path: Path) -> Section:
    """Every size of a slow-down, and what the gate called it; `path` is the self-test's file."""
    margins = sorted({row.margin for rows in found.trials for row in rows})
    what = (
        f"`python -m bench regress` in {len(found.trials)} trials of itself: the working tree "
        "against its own copy (planted 0), and against its own copy with real work added to every "
        f"call. Margin {' and '.join(map(percent, margins))}; {', '.join(map(str, LOOKS[:-1]))} or "
        f"{LOOKS[-1]} rounds. `measured` is the median of the estimates; intervals take all "
        "comparisons for independent, though those of one trial share processes. Rows: "
        f"{link(path.name, f'gate/{path.name}')}."
    )
    by_size = rates.rates(row for rows in found.trials for row in rows)
    drawing = Drawing(
        f"{found.suite}.svg", rates.figure(by_size), "Share of each verdict over extra work"
    )
    title = f"How often the regression gate is wrong: {found.suite}"
    prose = [what, *not_whole(found), _conclusion(found, by_size)]
    return Section(title, prose, [drawing], rates.table(by_size))


def _conclusion(found: SelfTest, by_size: list[rates.Rate]) -> str:
    if not found.complete:
        return "**Incomplete: the self-test was cut short.**"
    return f"{'; '.join(promise.sentence for promise in rates.promises(by_size))}."
