"""The gate's part of a machine's report: how often it is right and wrong there."""

from pathlib import Path

from bench.gate import error_rates
from bench.gate.looks import LOOKS
from bench.gate.record import SelfTest
from bench.report.kinds import Kind
from bench.report.pages.markup import link
from bench.report.parts.origins import not_whole
from bench.report.section import Drawing, Section
from bench.report.units import percent


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
    by_size = error_rates.rates(row for rows in found.trials for row in rows)
    drawing = Drawing(
        f"{found.suite}.svg", error_rates.figure(by_size), "Share of each verdict over extra work"
    )
    title = f"How often the regression gate is wrong: {found.suite}"
    prose = [what, *not_whole(found), _conclusion(found, by_size)]
    return Section(title, prose, [drawing], error_rates.table(by_size))


def _conclusion(found: SelfTest, by_size: list[error_rates.Rate]) -> str:
    if not found.complete:
        return "**Incomplete: the self-test was cut short.**"
    return f"{'; '.join(promise.sentence for promise in error_rates.promises(by_size))}."


KIND = Kind("gate", SelfTest, section, counts=lambda found: bool(found.trials))
