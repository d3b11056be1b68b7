"""Results that are no `Run`: each kind brings its own section of a report."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.records.run import Origin
from bench.report.section import Section


@dataclass(frozen=True)
class Kind[Record: Origin]:
    """`folder` is where its files are within a machine's; `section` shows one of them.

    Only a record that `counts` is shown.
    """

    folder: str
    record: type[Record]
    section: Callable[[Record, Path], Section]
    counts: Callable[[Record], bool] = lambda record: True
