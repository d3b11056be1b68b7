"""Sections as one HTML page that loads nothing from the network.

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

from bench.report.section import Drawing, Section, Table

LONG = 10  # rows above which a table has filters
WIDE = 50  # characters above which a cell is broken into lines
CHOICES = range(2, 13)  # values of a column of words that are offered as a choice
STYLE, SCRIPT = ((files(__package__) / name).read_text("utf-8") for name in ("page.css", "page.js"))

_markdown = MarkdownIt("commonmark", {"html": False})
_environment = Environment(
    loader=PackageLoader("bench.report", "pages"),
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
    """What the template shows of a table, as whole as a page that filters may have it."""
    whole = table.whole()
    columns = [_column(whole, head) for head in whole.columns]
    cells = zip(*(column["cells"] for column in columns), strict=True)
    choices = {column["heading"]: column["choices"] for column in columns if column["choices"]}
    return {
        "columns": columns,
        "rows": list(zip(table.starts(), cells, strict=True)),
        "choices": choices if len(whole.rows) > LONG else {},
    }


def _column(table: Table, heading: str) -> dict[str, Any]:
    """Heading, class, cells as (text, value to sort by), and the texts to choose from, if few."""
    texts = list(table.cells[heading])
    if table.is_numeric(heading):
        values = map(_value, table.rows[table.columns[heading][0]])
        cells = list(zip(texts, values, strict=True))
        return {"heading": heading, "class": "number", "cells": cells, "choices": ()}
    kind = "long" if max(map(len, texts), default=0) > WIDE else "word"
    different = tuple(dict.fromkeys(texts))
    choices = different if len(different) in CHOICES else ()
    return {
        "heading": heading,
        "class": kind,
        "cells": [(t, None) for t in texts],
        "choices": choices,
    }


def _value(number: int | float) -> str:
    """As JavaScript reads it."""
    return "" if isnan(number) else f"{number:.6g}".replace("inf", "Infinity")
