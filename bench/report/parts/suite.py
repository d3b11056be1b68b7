"""One run's part of a report: its figures, every case, and why some have no time."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from bench.judging.advice import advice
from bench.records.run import Run
from bench.report import tables
from bench.report.figures import roofline, scaling, speed
from bench.report.pages.markup import link, plain
from bench.report.parts import ceilings
from bench.report.parts.origins import not_whole
from bench.report.parts.summary import constant_columns
from bench.report.section import Section, Table


def sections(run: Run, path: Path) -> list[Section]:
    """`path` is the run's file."""
    title, rows = f"Suite {run.suite}", tables.frame(run)
    prose = [f"Samples: {link(path.name, path.name)}.", *not_whole(run)]
    if not run.complete:
        prose.append("**Incomplete: the run was cut short.**")
    if rows.empty:
        return [Section(title, prose)]
    if sentences := advice(run):
        prose.append(f"For steadier times: {plain(' '.join(sentences))}")
    prose += constant_columns(rows, tables.GROUP)
    drawn = (*speed.draw(rows, run.suite), *roofline.draw(rows, run.ceilings, run.suite))
    cases = Section(title, prose, drawn, tables.cases(rows))
    limits = [ceilings.section(run)] if run.ceilings else []
    return [cases, *_doubtful(run, rows), *scaling.sections(run), *limits, *_untimed(run, rows)]


def _doubtful(run: Run, rows: pd.DataFrame) -> list[Section]:
    """Every time that is not to be relied upon, and why; no section where all are."""
    doubtful = rows[rows.doubt != ""]
    if doubtful.empty:
        return []
    columns = {name: (name, str) for name in (*tables.GROUP, "kernel", "doubt")}
    return [Section(f"In doubt in suite {run.suite}", table=Table(doubtful, columns))]


def _untimed(run: Run, rows: pd.DataFrame) -> list[Section]:
    """Every kernel and reason once; no section where everything was timed."""
    reasons = rows[rows.reason != ""].groupby(["kernel", "status", "reason"], sort=False)
    untimed = reasons.size().reset_index(name="cases")
    absent = pd.DataFrame(run.unavailable.items(), columns=["kernel", "reason"])
    both = pd.concat([untimed, absent.assign(status="absent", cases=0)], ignore_index=True)
    if both.empty:
        return []
    columns = {name: (name, str) for name in ("kernel", "status", "cases", "reason")}
    return [Section(f"Not timed in suite {run.suite}", table=Table(both, columns))]


def shapes(rows: pd.DataFrame) -> Section:
    """The sizes behind the workloads' names."""
    names = ["workload", *"TBIHO"]
    every = rows[names].drop_duplicates()
    return Section("Shapes", table=Table(every, {name: (name, str) for name in names}))


def others(runs: Sequence[tuple[Run, Path]]) -> Section:
    """Runs that are not shown: a newer one speaks for the suite, or one that is whole."""
    rows = pd.DataFrame([_other(run, path) for run, path in runs])
    return Section(
        "Runs not shown", table=Table(rows, {name: (name, str) for name in rows.columns})
    )


def _other(run: Run, path: Path) -> dict[str, str]:
    covers = ", ".join(run.shortfalls) or "the whole suite"
    finished = f"{len(run.cases)}" if run.complete else f"{len(run.cases)}, then cut short"
    return {
        "suite": run.suite,
        "file": path.name,
        "measured": run.started,
        "covers": covers,
        "cases": finished,
    }
