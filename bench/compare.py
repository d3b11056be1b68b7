"""`python -m bench compare A B`: two result files side by side."""

from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table

from bench import results, tables
from bench.results import Run
from bench.units import digits, seconds

PASSING = ("load_average", "clocks")
KEY = [*tables.GROUP, "T", "B", "I", "H", "O", "kernel"]


def main(first: Path, second: Path) -> int:
    """Print every case that either file has, both medians and their ratio."""
    a, b = results.load(first), results.load(second)
    console = Console()
    for label, path, run in (("A", first, a), ("B", second, b)):
        console.print(f"{label}: {path}, {run.machine.name}, {run.started}", markup=False)
    if differing := _differences(a, b):
        console.print(f"The machines differ ({differing}): a ratio compares them, not revisions.")
    console.print(_table(side_by_side(a, b)))
    return 0


def _differences(a: Run, b: Run) -> str:
    """Which properties of the machine, beside what varies from minute to minute."""
    both = zip(vars(a.machine).items(), vars(b.machine).values(), strict=True)
    return ", ".join(n for (n, one), other in both if one != other and n not in PASSING)


def side_by_side(a: Run, b: Run) -> pd.DataFrame:
    """One row a case of either run: its medians in seconds, and `ratio`, B's over A's."""
    columns = [*KEY, "median_s", "status"]
    left, right = (tables.frame(run).reindex(columns=columns) for run in (a, b))
    both = left.merge(right, on=KEY, how="outer", sort=False, suffixes=("_a", "_b"))
    both["ratio"] = both.median_s_b / both.median_s_a
    return both


def _table(rows: pd.DataFrame) -> Table:
    table = Table("case", *("A", "B", "B / A"))
    for _, row in rows.iterrows():
        case = " ".join(row[[*tables.GROUP, "kernel"]])
        cells = (_cell(row.median_s_a, row.status_a), _cell(row.median_s_b, row.status_b))
        table.add_row(case, *cells, digits(row.ratio))
    return table


def _cell(median: float, status: object) -> str:
    """The median, or why there is none."""
    if pd.notna(median):
        return seconds(median)
    return str(status) if pd.notna(status) else "absent"
