"""Sections as one HTML page that asks the network for nothing.

Styles and script stand in the page, and its policy lets a browser run that script alone, by its
hash. Drawings are images with data addresses, not inlined SVG: matplotlib repeats ids and styles
from one document to the next, and an image runs no script.
"""

from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from importlib.resources import files
from math import isnan
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup

from bench.report.sections import Drawing, Section, Table

LONG = 10  # rows from which a table has filters
CHOICES = range(2, 13)  # values of a column of words that are offered as a choice
STYLE, SCRIPT = ((files(__package__) / name).read_text("utf-8") for name in ("page.css", "page.js"))

_markdown = MarkdownIt("commonmark", {"html": False})
_environment = Environment(
    loader=PackageLoader("bench", "report"),
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
        style=Markup(STYLE),
        script=Markup(SCRIPT),
        hashes={"style": _hash(STYLE), "script": _hash(SCRIPT)},
        prose=_prose,
        address=_address,
        grid=_grid,
    )


def _hash(text: str) -> str:
    """As a content security policy names a text."""
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


def _prose(block: str) -> Markup:
    return Markup(_markdown.render(block))


def _address(drawing: Drawing) -> str:
    return "data:image/svg+xml," + quote(drawing.svg, safe=" /:;=,")


def _grid(table: Table) -> dict[str, Any]:
    """What the template shows: headings with their choices, rows of (text, value to sort by)."""
    whole = table.whole()
    numeric = {head: whole.is_numeric(head) for head in whole.columns}
    cells = whole.cells
    values = {
        head: map(_value, whole.rows[name]) if numeric[head] else [None] * len(cells)
        for head, (name, _) in whole.columns.items()
    }
    columns = [list(zip(cells[head], values[head], strict=True)) for head in cells]
    choices = {head: () if numeric[head] else _choices(cells[head]) for head in cells}
    return {
        "headings": [(head, numeric[head]) for head in cells],
        "rows": list(zip(*columns, strict=True)),
        "choices": choices if len(cells) > LONG else None,
    }


def _choices(column: Sequence[str]) -> tuple[str, ...]:
    """The column's different values, if there are few."""
    values = tuple(dict.fromkeys(column))
    return values if len(values) in CHOICES else ()


def _value(number: float) -> str:
    return "" if isnan(number) else f"{number:.6g}"
