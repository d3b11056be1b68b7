"""Sections as one HTML page that loads nothing from the network.

Styles and script stand in the page, and its policy lets a browser run that script alone, by its
hash. Drawings are images with data addresses, not inlined SVG: matplotlib repeats ids and styles
from one document to the next, and an image runs no script.
"""

from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from importlib.resources import files
from itertools import repeat
from math import isnan
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup

from bench.report.section import Drawing, Section, Table

LONG = 10  # rows above which a table has filters
WIDE = 50  # characters above which a cell is broken into lines
CHOICES = range(2, 13)  # values of a column of words that are offered as a choice
ASSETS = files(__package__) / "assets"
STYLE = (ASSETS / "page.css").read_text("utf-8")
SCRIPT = "".join((ASSETS / name).read_text("utf-8") for name in ("tables.js", "finder.js"))

_markdown = MarkdownIt("commonmark", {"html": False})
_environment = Environment(
    loader=PackageLoader("bench.report", "pages/assets"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def page(title: str, sections: Sequence[Section]) -> str:
    """The whole file; the same sections give the same bytes."""
    return _environment.get_template("page.html.jinja").render(
        title=title,
        sections=sections,
        contents=_contents(sections),
        style=Markup(STYLE),
        script=Markup(SCRIPT),
        hashes={"style": _hash(STYLE), "script": _hash(SCRIPT)},
        prose=_prose,
        address=_address,
        grid=_grid,
    )


def _contents(sections: Sequence[Section]) -> dict[str, list[tuple[int, str]]]:
    """The number of every section and its suite, by title."""
    found: dict[str, list[tuple[int, str]]] = {}
    for number, section in enumerate(sections, 1):
        found.setdefault(section.title, []).append((number, section.suite))
    return found


def _hash(text: str) -> str:
    """As a content security policy names a text."""
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


def _prose(block: str) -> Markup:
    return Markup(_markdown.render(block))


def _address(drawing: Drawing) -> str:
    return "data:image/svg+xml," + quote(drawing.svg, safe=" /:;=,")


def _grid(table: Table) -> dict[str, Any]:
    """What the template shows of a table, as whole as a page that filters may have it."""
    whole = table.whole()
    columns = [_column(whole, head) for head in whole.columns]
    cells = zip(*(column["cells"] for column in columns), strict=True)
    choices = {column["heading"]: column["choices"] for column in columns if column["choices"]}
    return {
        "columns": columns,
        "rows": list(zip(table.starts(), cells, strict=True)),
        "choices": choices if len(whole.rows) > LONG else {},
        "folds": bool(whole.main),
    }


def _column(table: Table, heading: str) -> dict[str, Any]:
    """Heading, classes, cells as (text, value to sort by), and the texts to choose from, if few."""
    texts = list(table.cells[heading])
    numbers = table.is_numeric(heading)
    values = map(_value, table.rows[table.columns[heading][0]]) if numbers else repeat(None)
    long = max(map(len, texts), default=0) > WIDE
    more = bool(table.main) and heading not in table.main
    kind = "number" if numbers else "long" if long else "word"
    return {
        "heading": heading,
        "class": f"{kind} more" if more else kind,
        "cells": list(zip(texts, values, strict=False)),
        "choices": _choices(texts) if kind == "word" and not more else (),
    }


def _choices(texts: Sequence[str]) -> tuple[str, ...]:
    """The different ones, where they are few and most stand more than once."""
    different = tuple(dict.fromkeys(texts))
    return different if len(different) in CHOICES and 2 * len(different) <= len(texts) else ()


def _value(number: int | float) -> str:
    """As JavaScript reads it."""
    return "" if isnan(number) else f"{number:.6g}".replace("inf", "Infinity")
