"""Logarithmic axes that read as plain numbers, none on top of another."""

from collections.abc import Iterator, Sequence
from itertools import count, pairwise
from math import ceil, floor, log10

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FixedLocator, LogLocator, NullFormatter

# Within a decade, from the most ticks to the fewest; then powers of ten, and fewer of them.
LADDER = ((1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9), (1, 1.5, 2, 3, 5, 7), (1, 2, 5), (1, 3))
APART = 0.1  # of an axis: as wide as a label of five characters is in the narrowest panel


def logarithmic(ax: Axes, *names: str) -> None:
    """Write these axes ("x", "y") of finished panels in decimal numbers."""
    for name in names:
        axis, limits = getattr(ax, f"{name}axis"), getattr(ax, f"get_{name}lim")()
        _label(axis, sorted(limits))


def _label(axis: Axis, limits: Sequence[float]) -> None:
    axis.set_major_locator(FixedLocator(ticks(*limits)))
    axis.set_major_formatter(lambda value, _: f"{value:,.12g}")
    axis.set_minor_locator(LogLocator(subs="all"))
    axis.set_minor_formatter(NullFormatter())


def ticks(low: float, high: float) -> list[float]:
    """The most round numbers from low to high that stand APART on a logarithmic axis."""
    return next(found for found in _candidates(low, high) if _apart(found, log10(high / low)))


def _candidates(low: float, high: float) -> Iterator[list[float]]:
    decades = range(floor(log10(low)), ceil(log10(high)) + 1)
    for factors in LADDER:
        yield _within(low, high, (f * 10.0**d for d in decades for f in factors))
    for stride in count(1):
        yield _within(low, high, (10.0**d for d in decades if d % stride == 0))


def _within(low: float, high: float, values: Iterator[float]) -> list[float]:
    return [value for value in values if low <= value <= high]


def _apart(found: Sequence[float], decades: float) -> bool:
    return all(log10(b / a) >= APART * decades for a, b in pairwise(found))
