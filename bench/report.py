"""`python -m bench report`: a machine's report.md and figures, from its result files alone."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from bench import figures, results, tables
from bench.plan import BLOCKS
from bench.results import Run
from bench.units import digits, mebibytes, seconds

HOW_TO_READ = f"""\
Every time is the wall clock of one call that waits for its result; median, 20th and 80th
percentile over rounds of at least 5 ms. The kernels of one table took turns in
{BLOCKS} blocks, so that the machine's drift falls on all of them; `× {tables.BASELINE}` is the
ratio of medians within the table. GFLOP/s counts the arithmetic that the problem needs, not what
a kernel spends. `compile` is lowering and compiling, once; `temp` what the compiled program
allocates besides arguments and results. `error` is the largest deviation from a float64 oracle,
relative to the largest value; a case above `allowed` is WRONG and gets no timing.
`recurrence` starts from given pre-activations; `model` has both projections."""


def main(folders: Sequence[Path]) -> int:
    """Rebuild the report of these machine folders, or of all under results/."""
    for folder in folders or _machine_folders():
        print(write(folder))
    return 0


def write(folder: Path) -> Path:
    """Write report.md and the figures into a machine's folder; return the report's path.

    A suite's newest run speaks for it. Raises ResultError for a folder without result files, or a
    file that cannot be read.
    """
    newest: dict[str, tuple[Run, Path]] = {}
    for path in sorted(folder.glob("*.json")):
        run = results.load(path)
        newest[run.suite] = max((run, path), newest.get(run.suite, (run, path)), key=_started)
    if not newest:
        raise results.ResultError(f"{folder}: no result files there")
    parts = [part for run, path in newest.values() for part in _section(run, path, folder)]
    report = folder / "report.md"
    results.write_atomically(report, "\n\n".join([_head(newest), *parts]) + "\n")
    return report


def _started(entry: tuple[Run, Path]) -> str:
    return entry[0].started


def _machine_folders() -> list[Path]:
    return sorted({file.parent for file in results.ROOT.glob("**/*.json")})


def _head(newest: dict[str, tuple[Run, Path]]) -> str:
    machine = next(iter(newest.values()))[0].machine
    return f"# {machine.name}\n\n" + HOW_TO_READ


def _section(run: Run, path: Path, folder: Path) -> Iterator[str]:
    """Markdown blocks: what was run, who won, the figures, every table."""
    yield f"## Suite `{run.suite}`"
    yield _provenance(run, path)
    rows = tables.frame(run)
    if rows.empty:
        return
    yield _winners(rows)
    for name, svg in figures.draw(rows):
        figure = folder / f"{run.suite}-{name}.svg"
        results.write_atomically(figure, svg)
        yield f"![{name}]({figure.name})"
    for group in tables.groups(run):
        yield f"### {group.title}"
        yield _markdown(group.cells)
        if group.remarks:
            yield "\n".join(f"- {remark}" for remark in group.remarks)


def _markdown(cells: pd.DataFrame) -> str:
    """The cells as written, text to the left and numbers to the right."""
    words = (*tables.GROUP, "kernel", "fastest")
    alignment = ["left" if head in words else "right" for head in cells.columns]
    return cells.to_markdown(index=False, disable_numparse=True, colalign=alignment)


def _provenance(run: Run, path: Path) -> str:
    """Command, date, revision, machine, versions."""
    here, source = run.machine, run.source
    changed = " with local changes" if source.dirty else ""
    what = f"`{run.command}`, {run.started[:10]}, {seconds(run.seconds)}"
    commit = f"commit `{source.commit or 'unknown'}`{changed}"
    host = f"{here.cpu}, {here.cores} cores, {mebibytes(here.memory_bytes)} MiB, {here.os}"
    load = f"load at the start {digits(here.load_average or 0.0)}"
    gpu = [f"driver {here.driver}, clocks {here.clocks}"] if here.driver else []
    versions = ", ".join(f"{name} {version}" for name, version in run.versions.items())
    lines = [
        f"{what}, {commit}, [samples]({path.name}).",
        f"{'; '.join([host, *gpu, load])}.",
        f"{versions}.",
    ]
    cut = [] if run.complete else ["**Incomplete: the run was cut short.**"]
    return "  \n".join([*cut, *lines])


def _winners(rows: pd.DataFrame) -> str:
    """The summary: the fastest kernel of every problem, and by how much."""
    timed = rows[rows.median_s.notna()]
    best = timed.loc[timed.groupby(tables.GROUP, sort=False).median_s.idxmin()]
    shown = best[[*tables.GROUP, "kernel"]].rename(columns={"kernel": "fastest"})
    shown["median"] = best.median_s.map(seconds)
    shown[f"× {tables.BASELINE}"] = best.speedup.map(digits)
    return _markdown(shown)
