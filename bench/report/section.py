"""What a report is made of. A section is written twice, as Markdown and as HTML, from one object.

To add to the report, make one more `Section`; to add a column, one more entry of a table's
`columns`. Neither writer needs to know.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

Columns = Mapping[str, tuple[str, Callable[[Any], str]]]


@dataclass(frozen=True, eq=False)
class Table:
    """Rows of a data frame, and which of its columns to show.

    `columns` maps a heading to the frame's column and to how one of its values is written. Columns
    of numbers are sorted by value and written to the right. `split` names columns that tell one
    problem from another: Markdown has a table for every combination of their values, HTML one
    table that can be filtered by each. `main` are the headings that HTML shows at first, all
    others on demand; where it is empty, all.
    """

    rows: pd.DataFrame
    columns: Columns
    split: Sequence[str] = ()
    main: Sequence[str] = ()

    @property
    def cells(self) -> pd.DataFrame:
        """Every cell as it is printed."""
        shown = self.columns.items()
        return pd.DataFrame({head: self.rows[name].map(write) for head, (name, write) in shown})

    def is_numeric(self, heading: str) -> bool:
        """Whether the column holds numbers."""
        values = self.rows[self.columns[heading][0]]
        return pd.api.types.is_numeric_dtype(values) and values.dtype != bool

    def parts(self) -> Iterator[tuple[str, "Table"]]:
        """A title and a table without `split` for every combination, in the rows' order."""
        if not self.split:
            yield "", self
            return
        for values, part in self.rows.groupby(list(self.split), sort=False):
            yield ", ".join(filter(None, map(str, values))), replace(self, rows=part, split=())

    def starts(self) -> list[bool]:
        """For every row, whether `split` differs from the row before; never without `split`."""
        values = self.rows[list(self.split)]
        return (values != values.shift()).any(axis=1).tolist()

    def without(self, *headings: str) -> "Table":
        """The table less these columns, for where there is little room."""
        kept = {head: how for head, how in self.columns.items() if head not in headings}
        return replace(self, columns=kept)

    def whole(self) -> "Table":
        """One table that shows what `split` names, after the first column, where it varies."""
        first, *others = self.columns.items()
        varying = [(name, (name, str)) for name in self.split if self.rows[name].nunique() > 1]
        main = [*(name for name, _ in varying), *self.main] if self.main else ()
        return replace(self, columns=dict([first, *varying, *others]), split=(), main=main)


@dataclass(frozen=True)
class Cell:
    """Of a matrix: its text, whether it stands out, and how dark it is, 0 to 4; None: empty."""

    text: str = ""
    strong: bool = False
    shade: int | None = None


@dataclass(frozen=True)
class Matrix:
    """A picture made of a table: few words, a colour for every cell. `corner` heads the rows."""

    caption: str
    corner: str
    columns: Sequence[str]
    rows: Mapping[str, Sequence[Cell]]


@dataclass(frozen=True)
class Drawing:
    """An SVG document, the name of its file and what it shows, for those who cannot see it."""

    name: str
    svg: str
    alt: str


@dataclass(frozen=True, eq=False)
class Measured:
    """One problem among those of a `Finder`: what it is, its results, and a remark on them.

    `call` is a line of Python that runs it; "" where there is none.
    """

    name: str
    suite: str
    sizes: Mapping[str, int]
    options: Mapping[str, str]
    results: Table
    remark: str
    call: str


@dataclass(frozen=True, eq=False)
class Finder:
    """A form to type a shape into, which shows the measured problems nearest to it.

    `axes` are the sizes that are typed, each with its meaning, `choices` the values of every
    option, each with what it adds to the arguments of `call`; in that, {} stands for all of them.
    `start` is what the form shows at first. It takes a page that runs a script: Markdown has none.
    """

    axes: Mapping[str, str]
    choices: Mapping[str, Mapping[str, str]]
    problems: Sequence[Measured]
    start: Measured
    call: str


@dataclass(frozen=True, eq=False)
class Section:
    """A heading in plain text, below it prose (blocks of Markdown) and whatever else there is.

    Where a report has one of the same title for each suite, `suite` says of which it is.
    """

    title: str
    prose: Sequence[str] = ()
    drawings: Sequence[Drawing] = ()
    table: Table | None = None
    matrices: Sequence[Matrix] = ()
    finder: Finder | None = None
    suite: str = ""

    @property
    def heading(self) -> str:
        """Of no other section of a report."""
        return f"{self.title} in suite {self.suite}" if self.suite else self.title
