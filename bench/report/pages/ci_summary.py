"""What a CI shows of a command beside its log."""

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench.report.pages import markdown
from bench.report.section import Section

VARIABLE = "GITHUB_STEP_SUMMARY"  # names the file that GitHub shows


def append(title: str, sections: Sequence[Section]) -> None:
    """Add these as Markdown, without drawings, for which there is no place; elsewhere nothing."""
    path = os.environ.get(VARIABLE)
    if not path:
        return
    text = markdown.page(title, [replace(each, drawings=()) for each in sections])
    try:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:  # what was found stands without it
        print(f"bench: {path}: {error.strerror}", file=sys.stderr)
