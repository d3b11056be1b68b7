"""`python -m bench report`: a machine's report and figures, from its result files alone."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pandas as pd

from bench import results, tables
from bench.adding import section as adding
from bench.adding.training import Training
from bench.ladder import section as ladder
from bench.ladder.climb import Ladder
from bench.regress import section as gate
from bench.regress.record import SelfTest
from bench.report import html, markdown, method, origins, suite, summary
from bench.report.sections import Section
from bench.results import Origin, Run

OTHER_KINDS = ("adding", "ladder", "gate")  # folders of their files, within a machine's


def main(folders: Sequence[Path]) -> int:
    """Rebuild the report of these machine folders, or of all under results/.

    Raises ResultError if there is nothing to report.
    """
    folders = folders or _machine_folders()
    if not folders:
        raise results.ResultError(f"{results.ROOT}: no result files there; `bench run` makes some")
    for folder in folders:
        print(*write(folder), sep="\n")
    return 0


def write(folder: Path) -> tuple[Path, Path]:
    """Write report.md, report.html and the figures into a machine's folder; return both paths.

    The newest run of a whole suite that was finished speaks for it, and only where there is none
    the newest other. Raises ResultError for a folder without result files, or a file that cannot
    be read.
    """
    with results.alone(folder):
        return _write(folder)


def _write(folder: Path) -> tuple[Path, Path]:
    runs, others = _by_suite(_loaded(folder.glob(results.FILES), Run))
    trainings, _ = _by_suite(_loaded((folder / "adding").glob(results.FILES), Training))
    ladders, _ = _by_suite(_loaded((folder / "ladder").glob(results.FILES), Ladder))
    filed = _loaded((folder / "gate").glob(results.FILES), SelfTest)
    self_tests, _ = _by_suite(each for each in filed if each[0].trials)
    if not (found := [*runs, *trainings, *ladders, *self_tests]):
        raise results.ResultError(f"{folder}: no result files there")
    title = found[0][0].machine.name
    parts = list(sections(runs, trainings, ladders, self_tests, others))
    for drawing in (drawing for part in parts for drawing in part.drawings):
        results.write_atomically(folder / drawing.name, drawing.svg)
    pages = folder / "report.md", folder / "report.html"
    for path, writer in zip(pages, (markdown, html), strict=True):
        results.write_atomically(path, writer.page(title, parts))
    return pages


def sections(
    runs: Sequence[tuple[Run, Path]],
    trainings: Sequence[tuple[Training, Path]],
    ladders: Sequence[tuple[Ladder, Path]],
    self_tests: Sequence[tuple[SelfTest, Path]],
    others: Sequence[tuple[Run, Path]] = (),
) -> Iterator[Section]:
    """The whole report, in order: verdicts, evidence, circumstances.

    Of the `others`, runs of which the report has better ones, it has the names alone.
    """
    frames = [tables.frame(run).assign(suite=run.suite) for run, _ in runs if run.cases]
    rows = pd.concat(frames, ignore_index=True) if frames else None
    if rows is not None:
        yield from summary.sections(rows)
    yield method.method()
    for run, path in runs:
        yield from suite.sections(run, path)
    for training, path in trainings:
        yield adding.section(training, path)
    for climbed, path in ladders:
        yield ladder.section(climbed, path)
    for self_test, path in self_tests:
        yield gate.section(self_test, path)
    if rows is not None:
        yield suite.shapes(rows)
    if others:
        yield suite.others(others)
    yield origins.section([origin for origin, _ in (*runs, *trainings, *ladders, *self_tests)])
    yield method.columns()


type Filed[Kind: Origin] = tuple[Kind, Path]


def _loaded[Kind: Origin](paths: Iterable[Path], kind: type[Kind]) -> Iterator[Filed[Kind]]:
    return ((results.load(path, kind), path) for path in paths)


def _by_suite[Kind: Origin](
    filed: Iterable[Filed[Kind]],
) -> tuple[list[Filed[Kind]], list[Filed[Kind]]]:
    """The file that speaks for each suite, and all others; by suite, the newest first."""
    newest_first = sorted(filed, key=lambda each: (each[0].started, each[1]), reverse=True)
    speaking: dict[str, Filed[Kind]] = {}
    for each in sorted(newest_first, key=lambda each: not each[0].whole):
        speaking.setdefault(each[0].suite, each)
    others = [each for each in newest_first if speaking[each[0].suite] is not each]
    in_order = [speaking[suite] for suite in sorted(speaking)]
    return in_order, sorted(others, key=lambda each: each[0].suite)


def _machine_folders() -> list[Path]:
    """Every folder below results/ that holds a run, or a folder of results of another kind."""
    holding = {file.parent for file in results.ROOT.glob(f"**/{results.FILES}")}
    return sorted({each.parent if each.name in OTHER_KINDS else each for each in holding})
