"""Every cell by name."""

from pkgutil import resolve_name

from reference import names
from reference.cells.cell import Cell as Cell
from reference.cells.cell import State as State


class Cells(dict[str, Cell]):
    """Cells, which refuse an unknown name with a ValueError that says the known ones."""

    def __missing__(self, name: str) -> Cell:
        known = ", ".join(map(repr, self))
        raise ValueError(f"cell is {name!r}; expected one of {known}")


CELLS = Cells({name: resolve_name(place) for name, place in names.CELLS.items()})
