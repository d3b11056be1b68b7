"""The part of a report on first calls."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

import pandas as pd

from bench.report.kinds import Kind
from bench.report.pages.markup import link, plain
from bench.report.section import Section, Table
from bench.report.units import digits, integer
from bench.studies.turns.record import ColdStart, ColdStarts

CALLS = {"first": (0, 1), "second": (1, 2), "next": (2, 6), "later": (6, 12)}  # from, up to
WARM = 20  # calls at the end, in which nothing is cold any more


def section(cold: ColdStarts, path: Path) -> Section:
    """What each treatment leaves of the slowness of the first calls; `path` is the file."""
    processes = len(cold.starts) // len({(each.case, each.treatment) for each in cold.starts})
    problem = cold.starts[0].case
    what = (
        f"Calls of a new process over its later ones ({plain(problem.workload.name)}, "
        f"{problem.scope}, {problem.phase}, {problem.dtype}), each the median of {processes} "
        "processes; one possible cause is taken away at a time. Before call 1 the program was "
        "called once and its outputs held against the oracle, unless the treatment says otherwise. "
        "`pages` are those that the system "
        f"had to map during call 1. Samples: {link(path.name, f'cold/{path.name}')}."
    )
    columns = {
        "kernel": ("kernel", str),
        "treatment": ("treatment", str),
        "call 1": ("first", digits),
        "call 2": ("second", digits),
        "calls 3 to 6": ("next", digits),
        "calls 7 to 12": ("later", digits),
        "pages": ("pages", integer),
    }
    return Section("Why first calls take longer", [what], table=Table(_frame(cold), columns))


def _frame(cold: ColdStarts) -> pd.DataFrame:
    parts: dict[tuple[str, str], list[ColdStart]] = {}
    for each in cold.starts:
        parts.setdefault((each.case.kernel, each.treatment), []).append(each)
    return pd.DataFrame([{**_names(*key), **dict(_row(part))} for key, part in parts.items()])


def _names(kernel: str, treatment: str) -> dict[str, str]:
    return {"kernel": kernel, "treatment": treatment}


def _row(part: Sequence[ColdStart]) -> Iterator[tuple[str, float]]:
    for name, calls in CALLS.items():
        yield name, median(_over_later(each, slice(*calls)) for each in part)
    yield "pages", median(float(each.faults[0]) for each in part)


def _over_later(start: ColdStart, calls: slice) -> float:
    return median(start.calls_s[calls]) / median(start.calls_s[-WARM:])


KIND = Kind("cold", ColdStarts, section)
