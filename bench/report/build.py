"""A machine's report and figures, from its result files alone."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pandas as pd

from bench.records import store
from bench.records.run import Origin, Run
from bench.report import tables
from bench.report.figures import scaling
from bench.report.kinds import Kind
from bench.report.pages import html, markdown
from bench.report.parts import (
    ceilings,
    further,
    gates,
    matrix,
    method,
    origins,
    published,
    repeatability,
    suite,
    summary,
    your_shape,
)
from bench.report.section import Section

type Filed[Record: Origin] = tuple[Record, Path]


def write(folder: Path, kinds: Sequence[Kind]) -> tuple[Path, Path]:
    """Write report.md, report.html and the figures into a machine's folder; return both paths.

    The newest run of a whole suite that was finished speaks for it, and only where there is none
    the newest other. Raises ResultError for a folder without result files, or a file that cannot
    be read.
    """
    with store.locked(folder):
        return _write(folder, kinds)


def _write(folder: Path, kinds: Sequence[Kind]) -> tuple[Path, Path]:
    runs, others = _by_suite(_loaded(folder, Run))
    studies = [(kind, filed) for kind in kinds for filed in _speaking(folder, kind)]
    if not (found := [*runs, *(filed for _, filed in studies)]):
        raise store.ResultError(f"{folder}: no result files there")
    parts = list(sections(runs, studies, others))
    for drawing in (drawing for part in parts for drawing in part.drawings):
        store.write_atomically(folder / drawing.name, drawing.svg)
    pages = folder / "report.md", folder / "report.html"
    for path, writer in zip(pages, (markdown, html), strict=True):
        store.write_atomically(path, writer.page(found[0][0].machine.name, parts))
    return pages


def sections(
    runs: Sequence[Filed[Run]],
    studies: Sequence[tuple[Kind, Filed]] = (),
    others: Sequence[Filed[Run]] = (),
) -> Iterator[Section]:
    """The whole report, in order: the answer, pictures, studies, then tables.

    Of the `others`, runs of which the report has better ones, it has the names alone.
    """
    suites = [
        suite.Suite(run, path, tables.frame(run).assign(suite=run.suite)) for run, path in runs
    ]
    frames = [rows for *_, rows in suites if len(rows)]
    rows = pd.concat(frames, ignore_index=True) if frames else None
    scores: list[Section] = []
    if rows is not None:
        in_words, *scores = summary.sections(rows)
        answers = in_words, matrix.section(rows), your_shape.section([run for run, _ in runs], rows)
        yield from filter(None, answers)
    yield from suite.pictures(suites)
    yield from (ceilings.section(run) for run, _ in runs if run.ceilings)
    for run, _, measured in suites:
        yield from further.sections(run, measured)
        yield from gates.sections(run, measured)
    yield from (kind.section(*filed) for kind, filed in studies)
    yield from scores
    yield from map(suite.cases, suites)
    for run, _ in runs:
        yield from scaling.sections(run)
    if rows is not None:
        yield from filter(None, [published.section(rows)])
        yield suite.shapes(rows)
    for detail in (suite.doubtful, suite.untimed):
        for each in suites:
            yield from detail(each)
    repeated = repeatability.section([run for run, _ in (*runs, *others)])
    yield from [repeated] if repeated else []
    if others:
        yield suite.others(others)
    yield origins.section([origin for origin, _ in (*runs, *(filed for _, filed in studies))])
    yield method.method()
    yield method.columns()


def _speaking(folder: Path, kind: Kind) -> list[Filed]:
    filed = _loaded(folder / kind.folder, kind.record)
    return _by_suite(each for each in filed if kind.counts(each[0]))[0]


def _loaded[Record: Origin](folder: Path, kind: type[Record]) -> Iterator[Filed[Record]]:
    return ((store.load(path, kind), path) for path in folder.glob(store.FILES))


def _by_suite[Record: Origin](
    filed: Iterable[Filed[Record]],
) -> tuple[list[Filed[Record]], list[Filed[Record]]]:
    """The file that speaks for each suite, and all others; by suite, the newest first."""
    newest_first = sorted(filed, key=lambda each: (each[0].started, each[1]), reverse=True)
    speaking: dict[str, Filed[Record]] = {}
    for each in sorted(newest_first, key=lambda each: not each[0].whole):
        speaking.setdefault(each[0].suite, each)
    others = [each for each in newest_first if speaking[each[0].suite] is not each]
    in_order = [speaking[suite] for suite in sorted(speaking, key=_default_first)]
    return in_order, sorted(others, key=lambda each: _default_first(each[0].suite))


def _default_first(suite: str) -> tuple[bool, str]:
    return suite != "default", suite


def machine_folders(kinds: Sequence[Kind]) -> list[Path]:
    """Every folder below results/ that holds a run, or a folder of results of another kind."""
    of_kinds = {kind.folder for kind in kinds}
    holding = {file.parent for file in store.ROOT.glob(f"**/{store.FILES}")}
    return sorted({each.parent if each.name in of_kinds else each for each in holding})
