"""`python -m bench report`: a machine's report.md and figures, from its result files alone."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from bench import figures, results, tables
from bench.adding import section as adding
from bench.adding.training import Training
from bench.markdown import provenance, table
from bench.plan import BLOCKS
from bench.results import Origin, Run
from bench.units import digits, seconds

HOW_TO_READ = f"""\
Every time is the wall clock of one call that waits for its result; median, 20th and 80th
percentile over rounds of at least 5 ms. The kernels of one table took turns in {BLOCKS} blocks, so
that the machine's drift falls on all of them; `× {tables.BASELINE}` is the ratio of medians within
the table. GFLOP/s counts the arithmetic that the problem needs, not what a kernel spends.
`compile` is lowering and compiling, once; `temp` what the compiled program allocates besides
arguments and results. On a GPU, `span`, `busy` and `launches` are of one traced call: from the
first start to the last end, time with anything running, kernels and copies. `error` is the largest
deviation from a float64 oracle, relative to the largest value (of states and outputs, to 1 at
least); a case above `allowed` is WRONG and gets no timing. `recurrence` starts from given
pre-activations; `model` has both projections."""


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
    runs = _newest(folder.glob(results.FILES), Run)
    trainings = _newest((folder / "adding").glob(results.FILES), Training)
    if not runs and not trainings:
        raise results.ResultError(f"{folder}: no result files there")
    sections = [_section(run, path) for run, path in runs]
    sections += [adding.section(training, path) for training, path in trainings]
    blocks = [f"# {(runs or trainings)[0][0].machine.name}", HOW_TO_READ]
    for section, figures_of_it in sections:
        blocks += section
        for name, svg in figures_of_it.items():
            results.write_atomically(folder / name, svg)
    report = folder / "report.md"
    results.write_atomically(report, "\n\n".join(blocks) + "\n")
    return report


def _newest[Kind: Origin](paths: Iterable[Path], kind: type[Kind]) -> list[tuple[Kind, Path]]:
    """The newest file of every suite, the suites in the order of their names."""
    newest: dict[str, tuple[Kind, Path]] = {}
    for path in paths:
        found = results.load(path, kind)
        if found.suite not in newest or found.started > newest[found.suite][0].started:
            newest[found.suite] = found, path
    return [newest[suite] for suite in sorted(newest)]


def _machine_folders() -> list[Path]:
    """Every folder below results/ that holds a run or a training."""
    files = results.ROOT.glob(f"**/{results.FILES}")
    return sorted(
        {file.parent.parent if file.parent.name == "adding" else file.parent for file in files}
    )


def _section(run: Run, path: Path) -> tuple[list[str], dict[str, str]]:
    """Markdown blocks (what was run, who won, figures, every table), and the figures by name."""
    blocks = [f"## Suite `{run.suite}`", provenance(run, path.name)]
    if not run.complete:
        blocks.append("**Incomplete: the run was cut short.**")
    if run.unavailable:
        absent = (f"{name} ({reason})" for name, reason in run.unavailable.items())
        blocks.append(f"Not on this machine: {'; '.join(absent)}.")
    rows = tables.frame(run)
    if rows.empty:
        return blocks, {}
    drawn = {f"{run.suite}-{name}.svg": svg for name, svg in figures.draw(rows)}
    blocks += [_winners(rows), *(f"![{name.removesuffix('.svg')}]({name})" for name in drawn)]
    for group in tables.groups(run):
        blocks += [f"### {group.title}", table(group.cells)]
        blocks += ["\n".join(f"- {remark}" for remark in group.remarks)] if group.remarks else []
    return blocks, drawn


def _winners(rows: pd.DataFrame) -> str:
    """The summary: the fastest kernel of every problem, and by how much."""
    timed = rows[rows.median_s.notna()]
    best = timed.loc[timed.groupby(tables.GROUP, sort=False).median_s.idxmin()]
    shown = best[[*tables.GROUP, "kernel"]].rename(columns={"kernel": "fastest"})
    shown["median"] = best.median_s.map(seconds)
    shown[f"× {tables.BASELINE}"] = best.speedup.map(digits)
    return table(shown)
