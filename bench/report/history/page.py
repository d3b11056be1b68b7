"""The history as a page: history.md and history.html, and the drawing that both show."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from bench.cases.case import BASELINE
from bench.judging.proportions import bounds
from bench.judging.verdicts import MARGIN
from bench.records import store
from bench.report import tables
from bench.report.compare.changes import MARGIN as MARGIN_OF_HOURS
from bench.report.figures import history as figure
from bench.report.history import rates, steps
from bench.report.history.collect import Entry, History
from bench.report.history.findings import Finding
from bench.report.history.rates import Rate
from bench.report.history.series import Series, circumstances
from bench.report.pages import html, markdown
from bench.report.pages.markup import plain
from bench.report.section import Section, Table
from bench.report.units import change, changes, percent

CASE = ["kernel", *tables.GROUP]
STEPS = f"""\
A step is where the level of a series changes for good: {steps.FEWEST} runs or more on either side,
and by more than {percent(MARGIN)} in the ratio to {BASELINE}, which the machine's drift spares. The
time of {BASELINE} itself, and of all kernels where it is not one program in every run, has to
change by more than {percent(MARGIN_OF_HOURS)}, for an hour has a speed of its own. The interval is
that of a t test, a run counting as one, and assumes that the place of the step is known. A step of
{BASELINE} is also one of every ratio to it, the other way: what it explains of a ratio's step, to
within {percent(MARGIN_OF_HOURS)}, is not listed. Where every kernel of a problem has a step in its
ratio, look at the time of {BASELINE} first."""
DRAWING = f"""\
Left the ratio to {BASELINE} of the same run, right the time; vertical bars are 95 % intervals over
a run's visits. A label stands at the first run of a commit. Runs of another machine or compiler are
another line, and so are commits that were filled in, one for each tree that did. A dashed line is a
step."""
RATES = f"""\
A series without steps is to have one marked in at most {percent(steps.ERROR)}, whatever its noise,
if runs are independent of each other. Simulated noise is normal and the same in every run; the test
does not know its size. Real series are cut from the runs of one commit on this machine, every
{rates.VISITS} visits as if they were a run; two parts of one run share its hour, which ratios
hardly see and times do."""


def write(
    folder: Path, history: History, every: Sequence[Series], found: Sequence[Finding]
) -> Path:
    """Write both pages and the drawing; return the path for people."""
    parts = list(sections(history, every, found))
    title = f"History of suite {history.suite}"
    for drawing in (drawing for part in parts for drawing in part.drawings):
        store.write_atomically(folder / drawing.name, drawing.svg)
    store.write_atomically(folder / "history.md", markdown.page(title, parts))
    store.write_atomically(folder / "history.html", html.page(title, parts))
    return folder / "history.html"


def sections(
    history: History, every: Sequence[Series], found: Sequence[Finding]
) -> Iterator[Section]:
    """What changed, every line, how often that is wrong, and the runs that it is made from."""
    said = [plain(sentence) for sentence in in_words(history, every, found)]
    table = _steps(history.entries, found) if found else None
    yield Section("Steps", [*said, STEPS], table=table)
    yield Section("Over the commits", [DRAWING], [figure.draw(history.entries, every, found)])
    commits = [entry.run.source.commit for entry in history.entries]
    counted = [*rates.simulated(), *rates.real(every, commits)]
    yield Section("How often a step is wrong, or missed", [RATES], table=_rates(counted))
    yield Section("Runs", table=_runs(history.entries))


def in_words(history: History, every: Sequence[Series], found: Sequence[Finding]) -> Iterator[str]:
    """How many steps there are in what, and what was left out."""
    runs, longest = len(history.entries), max(len(series.judged) for series in every)
    steps_found = f"{len(found)} step{'' if len(found) == 1 else 's'}" if found else "No step"
    commits = dict.fromkeys(entry.commit for entry in history.entries)
    yield (
        f"{steps_found} in {len(every)} series of {runs} runs of suite {history.suite}, of "
        f"{len(commits)} commits."
    )
    if longest < 2 * steps.FEWEST:
        yield f"A step needs {2 * steps.FEWEST} runs in a series; the longest has {longest}."
    if history.left_out:
        yield f"Left out: {'; '.join(history.left_out)}."


def _steps(entries: Sequence[Entry], found: Sequence[Finding]) -> Table:
    rows = [
        tables.names(each.series.case)
        | {"change": each.interval.estimate}
        | {"ends": changes(each.interval.low, each.interval.high)}
        | {"of": f"ratio to {BASELINE}" if each.series.by_ratio else "time"}
        | {"commit": named(entries, each), "subject": entries[each.at].subject}
        for each in found
    ]
    frame = pd.DataFrame(rows)
    columns = tables.filled(frame, CASE)
    columns |= {"change": ("change", change), "commit": ("commit", str)}
    columns |= {"95 % interval": ("ends", str), "of": ("of", str), "subject": ("subject", str)}
    return Table(frame, columns)


def named(entries: Sequence[Entry], finding: Finding) -> str:
    """The first commit after the step, and the last one measured before it."""
    before, at = (entries[place].commit for place in (finding.before, finding.at))
    return f"between two runs of {at}" if before == at else f"{at}, after {before}"


def _rates(counted: Sequence[Rate]) -> Table:
    rows = [
        {"what": rate.what, "runs": rate.runs, "of": rate.total, "count": rate.count} | _share(rate)
        for rate in counted
    ]
    columns = {"what": ("what", str), "runs in a series": ("runs", str), "series": ("of", str)}
    columns |= {"count": ("count", str), "share": ("share", percent)}
    columns |= {"95 % interval": ("ends", str)}
    return Table(pd.DataFrame(rows), columns)


def _share(rate: Rate) -> dict[str, object]:
    if not rate.total:
        return {"share": float("nan"), "ends": ""}
    low, high = bounds(rate.count, rate.total)
    return {"share": rate.count / rate.total, "ends": f"{percent(low)} to {percent(high)}"}


def _runs(entries: Sequence[Entry]) -> Table:
    """The oldest commit first; runs of one number are joined by a line."""
    numbers: dict[tuple[str, ...], int] = {}
    rows = []
    for entry in entries:
        of = circumstances(entry.run)
        number = numbers.setdefault(of, len(numbers) + 1)
        rows.append(
            {"commit": entry.commit, "subject": entry.subject, "started": entry.run.started}
            | {"visits": entry.run.visits, "line": number, "of": ", ".join(filter(None, of))}
        )
    columns = {name: (name, str) for name in ("commit", "subject", "started", "visits", "line")}
    columns |= {"machine, compiler, harness": ("of", str)}
    return Table(pd.DataFrame(rows), columns)
