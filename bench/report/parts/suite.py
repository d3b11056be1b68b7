"""One run's part of a report: its figures, every case, and why some have no time."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from bench.judging.advice import advice
from bench.records.run import Run
from bench.report import tables
from bench.report.figures import roofline, speed
from bench.report.pages.markup import link, plain
from bench.report.parts import further
from bench.report.parts.origins import not_whole
from bench.report.parts.summary import constant_columns
from bench.report.section import Drawing, Section, Table
from bench.report.units import percent


class Suite(NamedTuple):
    """The run that speaks for a suite, its file, and its frame, with the suite."""

    run: Run
    path: Path
    rows: pd.DataFrame


def pictures(suites: Sequence[Suite]) -> Iterator[Section]:
    """Each kind of figure of all suites; no section where none can be drawn."""
    timed = [each for each in suites if not each.rows.empty]
    drawn: dict[str, list[Drawing]] = {"Speed-up": [], "Time of a step": [], "Roofline": []}
    for run, _, every in timed:
        rows, ceilings = further.on_most(run, every)
        drawn["Speed-up"] += speed.speedups(rows, run.suite)
        drawn["Time of a step"] += speed.sweeps(rows, run.suite)
        drawn["Roofline"] += roofline.draw(rows, ceilings, run.suite)
    yield from (Section(title, drawings=each) for title, each in drawn.items() if each)


def cases(suite: Suite) -> Section:
    """Every case, and how reliable the run is."""
    run, path, rows = suite
    prose = [f"Samples: {link(path.name, path.name)}.", *not_whole(run)]
    if not run.complete:
        prose.append("**Incomplete: the run was cut short.**")
    if rows.empty:
        return Section("Every case", prose, suite=run.suite)
    if sentences := advice(run):
        prose.append(f"For steadier times: {plain(' '.join(sentences))}")
    prose += constant_columns(rows, tables.GROUP)
    return Section("Every case", prose, table=tables.cases(rows), suite=run.suite)


def doubtful(suite: Suite) -> Iterator[Section]:
    """Every time that is not reliable, and why; no section where all are."""
    rows = suite.rows
    found = rows[rows.doubt != ""] if len(rows) else rows
    if len(found):
        columns = tables.filled(found, (*tables.GROUP, "kernel", "doubt"))
        yield Section("In doubt", table=Table(found, columns), suite=suite.run.suite)


def untimed(suite: Suite) -> Iterator[Section]:
    """Every kernel and reason once; no section where everything was timed."""
    run, _, rows = suite
    if rows.empty:
        return
    reasons = rows[rows.reason != ""].groupby(["kernel", "status", "reason"], sort=False)
    found = reasons.size().reset_index(name="cases")
    absent = pd.DataFrame(run.unavailable.items(), columns=["kernel", "reason"])
    both = pd.concat([found, absent.assign(status="absent", cases=0)], ignore_index=True)
    if len(both):
        columns = {name: (name, str) for name in ("kernel", "status", "cases", "reason")}
        yield Section("Not timed", table=Table(both, columns), suite=run.suite)


def shapes(rows: pd.DataFrame) -> Section:
    """The sizes behind the workloads' names, and what else there is, if any has more."""
    more = [*tables.STRUCTURE, "padding"] if rows.structure.any() else []
    names = ["workload", *"TBIHO", *more]
    every = rows[names].drop_duplicates()
    columns = {name: (name, percent if name == "padding" else str) for name in names}
    return Section("Shapes", table=Table(every, columns))


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
