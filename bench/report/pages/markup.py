"""Prose is Markdown. What comes from a file enters it through these functions, or not at all."""

import html
import re
from collections.abc import Iterable
from urllib.parse import quote

SPECIAL = re.compile(r"([\\`*_\[\]|~$!#])")


def plain(text: str) -> str:
    """Text that Markdown, and HTML in Markdown, leave as it is; on one line."""
    return SPECIAL.sub(r"\\\1", html.escape(" ".join(text.split()), quote=False))


def link(text: str, path: str) -> str:
    """A link to a file by its path from the report."""
    return f"[{plain(text)}]({quote(path)})"


def listed(items: Iterable[str]) -> str:
    """A block of bullets, each item Markdown already."""
    return "\n".join(f"- {item}" for item in items)
