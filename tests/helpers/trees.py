"""Copies of the project's kernels, changed."""

import shutil

from bench.workers.client import HARNESS
from bench.workers.revision import PACKAGES


def copy_of_kernels(folder, *edits):
    """The folder, with a copy of the kernels that edits change: (file, line, replacement)."""
    for package in PACKAGES:
        shutil.copytree(HARNESS / package, folder / package)
    for file, line, replacement in edits:
        edit(folder / "kernels" / file, line, replacement)
    return folder


def edit(path, line, replacement):
    """Replace a text that the file has once."""
    text = path.read_text()
    assert text.count(line) == 1
    path.write_text(text.replace(line, replacement))
