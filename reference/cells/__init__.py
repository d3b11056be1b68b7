"""Every cell by name."""

from pkgutil import resolve_name

from reference import names
from reference.cells.cell import Cell as Cell
from reference.cells.cell import State as State

CELLS: dict[str, Cell] = {name: resolve_name(place) for name, place in names.CELLS.items()}
