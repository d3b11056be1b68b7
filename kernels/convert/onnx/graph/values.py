"""What a value in a model's graph can be, while its nodes are read one after the other.

A constant is a NumPy array. Of everything else only that is known which tells whether the graph is
a stack of recurrent layers.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod

Axis = tuple[str, ...]  # names of what lies along it, outermost first; () is an axis of size 1


@dataclass(frozen=True)
class Zeros:
    """Zeros of a shape that only a run knows: an initial state."""


@dataclass(frozen=True)
class Numbers:
    """Whole numbers that only a run knows: a shape, or a part of it."""


@dataclass(frozen=True)
class Last:
    """States at the end of the sequences, which `kernels.rnn` gives, too."""


@dataclass(frozen=True)
class Given:
    """An input of the graph, or a part of one: the caller's state or lengths."""

    name: str
    whole: bool = True


@dataclass(frozen=True)
class Steps:
    """Numbers for each step of each sequence: an input of the graph, a layer's outputs, or y.

    `sizes` are those of the names along the axes, None where only a run knows it; a name of size 1
    is left out, so that axes do not depend on where a reshape puts it. `depth` is the number of
    layers that it came through, `stage` "states", "product" (of a readout without its bias) or
    "readout".
    """

    axes: tuple[Axis, ...]
    sizes: dict[str, int | None]
    depth: int = 0
    stage: str = "states"

    def transposed(self, order: Sequence[int]) -> "Steps":
        """Its axes in another order."""
        return replace(self, axes=tuple(self.axes[n] for n in order))

    def squeezed(self, along: Sequence[int]) -> "Steps | None":
        """Without these axes of size 1; None if one is larger."""
        gone = {int(n) % len(self.axes) for n in along}
        if any(self.axes[n] for n in gone):
            return None
        return replace(self, axes=tuple(a for n, a in enumerate(self.axes) if n not in gone))

    def reshaped(self, shape: Sequence[int]) -> "Steps | None":
        """Dealt out to axes again as ONNX's Reshape does; None if that divides what lies there.

        Sizes that only a run knows have to be copied (0) or left over (-1).
        """
        flat = [name for axis in self.axes for name in axis]
        wanted = [
            self.axes[n] if size == 0 and n < len(self.axes) else size
            for n, size in enumerate(shape)
        ]
        gap = wanted.index(-1) if -1 in wanted else len(wanted)
        head = [self._taken(flat, each, 0) for each in wanted[:gap]]
        tail = [self._taken(flat, each, -1) for each in reversed(wanted[gap + 1 :])][::-1]
        middle = [tuple(flat)] if -1 in wanted else []
        if None in head or None in tail or (flat and not middle):
            return None
        return replace(self, axes=(*head, *middle, *tail))

    def _taken(self, flat: list[str], wanted: Axis | int, end: int) -> Axis | None:
        """Names from one end that are these, or have this size; None if there are none."""
        taken: Axis = ()
        while wanted not in (taken, self.size(taken)):
            if not flat:
                return None
            name = flat.pop(end)
            taken = (*taken, name) if end == 0 else (name, *taken)
        return taken

    def size(self, axis: Axis) -> int | None:
        """Of an axis, if it is known."""
        sizes = [self.sizes[name] for name in axis]
        return None if None in sizes else prod(sizes)


def named(**sizes: int | None) -> Axis:
    """The axis of these names."""
    return tuple(name for name, size in sizes.items() if size != 1)
