"""The ceilings' part of a report."""

import pandas as pd

from bench.records.facts import Ceiling
from bench.records.machine import Cpu
from bench.records.run import Run
from bench.report.section import Section, Table
from bench.report.units import digits, percent

# Of a rate: its unit, and how many a second that is.
UNITS = {
    "arithmetic": ("GFLOP/s", 1e9),
    "bandwidth": ("GB/s", 1e9),
    "serial": ("million steps/s", 1e6),
}
COLUMNS = {
    "ceiling": ("kind", str),
    "dtype": ("dtype", str),
    "program": ("how", str),
    "best": ("best", digits),
    "unit": ("unit", str),
    "spread": ("spread", percent),
}
PROSE = """\
The highest rate that a program reached in any round, measured before the first case and after the
last; `spread` is how far that is above the middle round. A case is held against the best program
of each kind: its arithmetic, its arguments and results moved once (at the bandwidth of that many
bytes or more), its T steps one after the other (of every layer that waits for the one below). What
needs the most time is its nearest ceiling. Padding needs none. More than 100 % beyond the spread is
marked IMPOSSIBLE: the ceiling, the model of what a case needs, or the
kernel is wrong."""


def section(run: Run) -> Section:
    """Every program and what it reached."""
    rows = pd.DataFrame([_row(ceiling, run.machine.cpu) for ceiling in run.ceilings])
    several = len({ceiling.cores for ceiling in run.ceilings}) > 1
    columns = COLUMNS | ({"cores": ("cores", str)} if several else {})
    return Section("Ceilings", [PROSE], table=Table(rows, columns), suite=run.suite)


def _row(ceiling: Ceiling, cpu: Cpu) -> dict[str, object]:
    unit, scale = UNITS[ceiling.kind]
    return {
        "kind": ceiling.kind,
        "dtype": ceiling.dtype or "all",
        "how": ceiling.how,
        "best": ceiling.best / scale,
        "unit": unit,
        "spread": ceiling.spread,
        "cores": ceiling.cores or cpu.cores,
    }
