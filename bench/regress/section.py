"""The gate's part of a machine's report: how often it is right and wrong there."""

from pathlib import Path

from bench.regress import rates
from bench.regress.judge import LOOKS
from bench.regress.record import SelfTest
from bench.report.prose import link
from bench.report.sections import Drawing, Section


def section(found: SelfTest, path: Path) -> Section:
    """Every size of a slow-down, and what the gate called it; `path` is the self-test's file."""
    margins = {row.margin for rows in found.trials for row in rows}
    what = (
        f"`python -m bench regress` in {len(found.trials)} trials of itself: the working tree "
        "against its own copy (planted 0 %), and against its own copy with real work added to "
        f"every call. Margin {' and '.join(f'{margin:.0%}' for margin in sorted(margins))}; "
        f"{', '.join(map(str, LOOKS[:-1]))} or {LOOKS[-1]} rounds. Work as large as the margin is "
        f"neither the SAME nor SLOWER, whatever the gate. Rows: "
        f"{link(path.name, f'gate/{path.name}')}."
    )
    by_size = rates.rates(row for rows in found.trials for row in rows)
    promises = "; ".join(promise.sentence for promise in rates.promises(by_size))
    drawing = Drawing("gate.svg", rates.figure(by_size), "Share of each verdict over extra work")
    title = "How often the regression gate is wrong"
    return Section(title, [what, f"{promises}."], [drawing], rates.table(by_size))
