"""Sections as Markdown: drawings stand beside the file, a split table is many small ones.

What only a script can show is left out.
"""

from collections.abc import Iterator, Sequence

import pandas as pd

from bench.report.pages.markup import plain
from bench.report.section import Cell, Drawing, Matrix, Section, Table


def page(title: str, sections: Sequence[Section]) -> str:
    """The whole file."""
    fit = (section for section in sections if not section.finder)
    blocks = [f"# {plain(title)}", *(block for section in fit for block in _blocks(section))]
    return "\n\n".join(blocks) + "\n"


def _blocks(section: Section) -> Iterator[str]:
    yield f"## {plain(section.heading)}"
    yield from section.prose
    for matrix in section.matrices:
        yield f"### {plain(matrix.caption)}"
        yield _matrix(matrix)
    yield from map(_drawing, section.drawings)
    for title, part in section.table.parts() if section.table else ():
        if title:
            yield f"### {plain(title)}"
        yield _table(part)


def _matrix(matrix: Matrix) -> str:
    """What stands out is bold; there are no shades."""
    cells = {name: [_cell(cell) for cell in row] for name, row in matrix.rows.items()}
    columns = [*map(plain, matrix.columns)]
    frame = pd.DataFrame.from_dict(cells, orient="index", columns=columns)
    frame.insert(0, plain(matrix.corner), [*map(plain, matrix.rows)])
    alignment = ["left", *["right"] * len(columns)]
    return frame.to_markdown(index=False, disable_numparse=True, colalign=alignment)


def _cell(cell: Cell) -> str:
    return f"**{plain(cell.text)}**" if cell.strong else plain(cell.text)


def _drawing(drawing: Drawing) -> str:
    return f"![{plain(drawing.alt)}]({drawing.name})"


def _table(table: Table) -> str:
    """The cells as written, text to the left and numbers to the right."""
    alignment = ["right" if table.is_numeric(head) else "left" for head in table.columns]
    cells = table.cells.map(plain).rename(columns=plain)
    return cells.to_markdown(index=False, disable_numparse=True, colalign=alignment)
