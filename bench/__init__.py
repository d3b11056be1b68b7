"""The benchmark: named shapes, a correctness gate, timings, result files, reports."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def load(*paths: str | Path, samples: bool = False) -> "pd.DataFrame":
    """Result files as one pandas frame, a row a turn or a sample.

    `bench.report.export` says which columns.

    Raises ResultError for a file that is no run.
    """
    from bench.report import export  # here, for it imports pandas

    return export.rows([Path(path) for path in paths], samples=samples)
