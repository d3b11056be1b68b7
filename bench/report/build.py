"""`python -m bench report`: a machine's report and figures, from its result files alone."""

from collections.abc import Callable, Iterable, Iterator, Sequence
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

    A suite's newest run speaks for it. Raises ResultError for a folder without result files, or a
    file that cannot be read.
    """
    with results.alone(folder):
        return _write(folder)


def _write(folder: Path) -> tuple[Path, Path]:
    runs = _newest(folder.glob(results.FILES), Run)
    trainings = _newest((folder / "adding").glob(results.FILES), Training)
    ladders = _newest((folder / "ladder").glob(results.FILES), Ladder)
    self_tests = _newest((folder / "gate").glob(results.FILES), SelfTest, lambda each: each.trials)
    if not (found := [*runs, *trainings, *ladders, *self_tests]):
        raise results.ResultError(f"{folder}: no result files there")
    title = found[0][0].machine.name
    parts = list(sections(runs, trainings, ladders, self_tests))
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
) -> Iterator[Section]:
    """The whole report, in order: verdicts, evidence, circumstances."""
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
    yield origins.section([origin for origin, _ in (*runs, *trainings, *ladders, *self_tests)])
    yield method.columns()


def _newest[Kind: Origin](
    paths: Iterable[Path], kind: type[Kind], counts: Callable[[Kind], object] = lambda _: True
) -> list[tuple[Kind, Path]]:
    """The newest file that counts of every suite, the suites in the order of their names."""
    newest: dict[str, tuple[Kind, Path]] = {}
    for path in paths:
        found = results.load(path, kind)
        if not counts(found):
            continue
        if found.suite not in newest or found.started > newest[found.suite][0].started:
            newest[found.suite] = found, path
    return [newest[suite] for suite in sorted(newest)]


def _machine_folders() -> list[Path]:
    """Every folder below results/ that holds a run, or a folder of results of another kind."""
    holding = {file.parent for file in results.ROOT.glob(f"**/{results.FILES}")}
    return sorted({each.parent if each.name in OTHER_KINDS else each for each in holding})
