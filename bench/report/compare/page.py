"""What changed as a page: compare.md and compare.html, from the same sections as any report."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import exp
from pathlib import Path

import numpy as np
import pandas as pd

from bench.cases.case import BASELINE, Case
from bench.judging import precision
from bench.judging.verdicts import Verdict
from bench.records import store
from bench.records.run import CaseResult
from bench.report import tables
from bench.report.compare import machines
from bench.report.compare.changes import MARGIN, Change, summaries
from bench.report.compare.comparison import Comparison, Every
from bench.report.figures import forest
from bench.report.pages import ci_summary, html, markdown
from bench.report.pages.markup import listed, plain
from bench.report.parts.summary import constant_columns
from bench.report.section import Section, Table
from bench.report.units import change, changes, digits, percent, seconds

MARGIN_IN_WORDS = (
    f"The change from A, by the ratio to {BASELINE} or else by the time; "
    f"the margin is {percent(MARGIN)}."
)
CASE = ["kernel", *tables.GROUP]


def write(folder: Path, found: Comparison) -> Path:
    """Write both pages, and what a CI shows where there is one; return the path for people."""
    parts = list(sections(found))
    title = "What changed" if any(found.changes) else "Side by side"
    for drawing in (drawing for part in parts for drawing in part.drawings):
        store.write_atomically(folder / drawing.name, drawing.svg)
    store.write_atomically(folder / "compare.md", markdown.page(title, parts))
    store.write_atomically(folder / "compare.html", html.page(title, parts))
    ci_summary.append(title, parts)
    return folder / "compare.html"


def sections(found: Comparison) -> Iterator[Section]:
    """Headline and changes where two runs have any; the times of all runs side by side."""
    yield Section("Runs", [listed(map(plain, found.introductions))])
    if found.several_machines:
        yield machines.section(found.cases)
    if changed := found.changed:
        in_order = sorted(changed, key=lambda case: -abs(changed[case].interval.estimate))
        prose = [_in_words(changed), listed(_lost(found))] if found.lost else [_in_words(changed)]
        yield Section("On the whole", prose, table=_headline(changed))
        drawings = [forest.draw(in_order, changed)]
        cases = pd.DataFrame(map(tables.names, changed))
        throughout = constant_columns(cases, tables.GROUP)
        yield Section("Every case", throughout, drawings, _changes(in_order, changed))
    yield Section("Times", table=_times(found))
    if len(found.runs) > 2 and any(found.changes):
        yield Section("Against the first", [MARGIN_IN_WORDS], table=_verdicts(found))


def _in_words(found: Mapping[Case, Change]) -> str:
    count = Counter(each.verdict for each in found.values())
    counts = ", ".join(f"{count[verdict]} {verdict}" for verdict in Verdict if count[verdict])
    return f"Of {len(found)} cases, at a margin of {percent(MARGIN)}: {counts}."


def _lost(found: Comparison) -> Iterator[str]:
    """What is worse than slower."""
    for case, result in found.lost.items():
        yield f"**{result.status.upper()}**: {plain(str(case))}: {plain(result.reason)}"


def _headline(found: Mapping[Case, Change]) -> Table:
    rows = [
        {"kernel": each.kernel, "cell": each.cell, "pass": each.phase}
        | {"change": each.interval.estimate}
        | {"ends": changes(each.interval.low, each.interval.high)}
        | {verdict: each.verdicts[verdict] for verdict in Verdict}
        for each in summaries(found)
    ]
    columns = {name: (name, str) for name in ("kernel", "cell", "pass")}
    columns |= {"mean change": ("change", change), "95 % interval": ("ends", str)}
    columns |= {str(verdict): (verdict, str) for verdict in Verdict}
    return Table(pd.DataFrame(rows), columns)


def _changes(cases: Sequence[Case], found: Mapping[Case, Change]) -> Table:
    rows = [
        tables.names(case)
        | {"change": found[case].interval.estimate, "verdict": str(found[case].verdict)}
        | {"ends": changes(found[case].interval.low, found[case].interval.high)}
        | {"of": f"ratio to {BASELINE}" if found[case].by_ratio else "time"}
        for case in cases
    ]
    frame = pd.DataFrame(rows)
    columns = {name: (name, str) for name in CASE if name == "kernel" or frame[name].nunique() > 1}
    columns |= {"verdict": ("verdict", str), "change": ("change", change)}
    columns |= {"95 % interval": ("ends", str), "of": ("of", str)}
    return Table(frame, columns)


def _times(found: Comparison) -> Table:
    """Times of all runs, A to Z, then speed-ups; in the frame by number, for T is a size."""
    labels = dict(enumerate(found.labels))
    rows = [
        tables.names(case)
        | dict(enumerate(map(_seconds, results)))
        | {f"{run} ×": _speedup(found.all_cases, case, run) for run in labels}
        for case, results in found.cases.items()
    ]
    frame = pd.DataFrame(rows, columns=[*CASE, *labels, *(f"{run} ×" for run in labels)])
    columns = tables.filled(frame, CASE)
    columns |= {label: (run, seconds) for run, label in labels.items()}
    columns |= {f"{label}, × {BASELINE}": (f"{run} ×", digits) for run, label in labels.items()}
    return Table(frame, columns)


def _verdicts(found: Comparison) -> Table:
    """Of every run but the first, where it compares with that: change and verdict."""
    judged = {
        label: changes
        for label, changes in zip(found.labels, found.changes, strict=True)
        if changes
    }
    rows = [
        tables.names(case) | {label: _in_short(of.get(case)) for label, of in judged.items()}
        for case in found.cases
    ]
    frame = pd.DataFrame(rows)
    return Table(frame, tables.filled(frame, CASE) | {name: (name, str) for name in judged})


def _in_short(found: Change | None) -> str:
    return f"{change(found.interval.estimate)} {found.verdict}" if found else ""


def _speedup(every: Every, case: Case, run: int) -> float:
    """Over the baseline of the same run."""
    own, base = every[case][run], every.get(replace(case, kernel=BASELINE), {run: None})[run]
    if not (own and base and own.visits and base.visits):
        return np.nan
    return exp(-precision.ratio(own, base).estimate)


def _seconds(result: CaseResult | None) -> float:
    timed = result is not None and result.visits
    return exp(precision.time(result).estimate) if timed else np.nan
