"""A fleet on one page: kinds of machine as columns, problems as rows, and the safe choice."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from bench.fleet.results import choice
from bench.fleet.results.choice import Score
from bench.fleet.results.folder import RECORD
from bench.fleet.results.record import Fleet, Part
from bench.records import store
from bench.records.machine import DIGITS_OF_FOLDER
from bench.records.run import Run
from bench.report.pages import html, markdown
from bench.report.pages.markup import listed, plain
from bench.report.section import Section, Table
from bench.report.units import change, changes, digits

NODES = """\
Each node measures alone on its machine, several problems a task. A lost task is one whose node died
or hung, or whose result could not be used; its problems were dealt again."""
DIFFERENCES = """\
Nodes of one identity first measure the same few problems. Only those whose times are the same,
within the margin and by their interval, share a column."""


@dataclass(frozen=True)
class Found:
    """A fleet as its files have it: its parts that measured something, their names, their runs."""

    fleet: Fleet
    labels: Sequence[str]
    runs: Sequence[Run]


def read(folder: Path) -> Found:
    """Raises ResultError for a folder that holds no fleet."""
    fleet = store.load(folder / RECORD, Fleet)
    parts = [part for part in fleet.parts if part.file]
    runs = [store.load(folder / part.file) for part in parts]
    return Found(fleet, [_label(part, parts) for part in parts], runs)


def write(folder: Path) -> tuple[Found, Path]:
    """Write fleet.md and fleet.html beside the record; return the path for people."""
    found = read(folder)
    title, parts = f"Suite {found.fleet.suite} on a fleet", list(sections(found))
    store.write_atomically(folder / "fleet.md", markdown.page(title, parts))
    store.write_atomically(folder / "fleet.html", html.page(title, parts))
    return found, folder / "fleet.html"


def answer(found: Found) -> list[str]:
    """The safe choice for every cell, pass and dtype, a sentence each."""
    return [choice.sentence(field, scores) for field, scores in choice.scores(found.runs).items()]


def sections(found: Found) -> Iterator[Section]:
    """The answer, then who is fastest where, then what it rests on."""
    scores = choice.scores(found.runs)
    sentences = listed(map(plain, answer(found)))
    yield Section("The safe choice", [sentences], table=_scores(scores))
    matrices = choice.matrices(found.labels, found.runs, scores)
    yield Section("Which one, on which machine", [choice.PROSE], matrices=matrices)
    yield Section("Nodes", [NODES], table=_shares(found.fleet))
    if any(part.differences for part in found.fleet.parts):
        yield Section("How far nodes of a kind differ", [DIFFERENCES], table=_differences(found))
    failures = [
        f"{plain(failure.problem)} on {plain(_label(part, found.fleet.parts))}: "
        f"{plain(failure.reason)}"
        for part in found.fleet.parts
        for failure in part.failures
    ]
    if failures:
        yield Section("Given up", [listed(failures)])


def _label(part: Part, parts: Sequence[Part]) -> str:
    """A kind of machine, with its fingerprint or its nodes where others have the same name."""
    name = _name(part)
    alike = [each for each in parts if _name(each) == name]
    if len({each.machine.folder for each in alike}) > 1:
        name += f", {part.machine.fingerprint[:DIGITS_OF_FOLDER]}"
    same = [each for each in alike if each.machine.folder == part.machine.folder]
    return f"{name} ({', '.join(map(_node, part.nodes))})" if len(same) > 1 else name


def _name(part: Part) -> str:
    machine = part.machine
    return machine.gpu.name if machine.gpu else f"{machine.cpu.short_name}, {machine.cpu.in_use}"


def _node(place: str) -> str:
    return place.partition("/")[2]


def _scores(scores: dict[choice.Field, list[Score]]) -> Table:
    rows = [
        {"cell": cell, "pass": phase, "dtype": dtype, **vars(score)}
        for (cell, phase, dtype), of_field in scores.items()
        for score in of_field
    ]
    columns = {name: (name, str) for name in ("cell", "pass", "dtype", "kernel")}
    columns |= {"leads": ("leads", str), "timed": ("timed", str), "of": ("of", str)}
    columns |= {"× fastest, mean": ("mean", digits), "at worst": ("worst", digits)}
    return Table(pd.DataFrame(rows), columns | {"there": ("where", str)})


def _shares(fleet: Fleet) -> Table:
    kinds = {node: part.machine.name for part in fleet.parts for node in part.nodes}
    rows = [
        {"machine": kinds.get(each.node, ""), "node": _node(each.node)}
        | {"problems": each.problems, "lost": each.lost}
        for each in fleet.shares
    ]
    columns = {"machine": ("machine", str), "node": ("node", str)}
    columns |= {"problems": ("problems", str), "lost tasks": ("lost", str)}
    return Table(pd.DataFrame(rows, columns=["machine", "node", "problems", "lost"]), columns)


def _differences(found: Found) -> Table:
    rows = [
        {
            "machine": part.machine.name,
            "first": _node(each.nodes[0]),
            "second": _node(each.nodes[1]),
        }
        | {"change": each.interval.estimate, "verdict": str(each.verdict)}
        | {"ends": changes(each.interval.low, each.interval.high)}
        for part in found.fleet.parts
        for each in part.differences
    ]
    columns = {name: (name, str) for name in ("machine", "first", "second")}
    columns |= {"second's time": ("change", change), "95 % interval": ("ends", str)}
    return Table(pd.DataFrame(rows), columns | {"verdict": ("verdict", str)})
