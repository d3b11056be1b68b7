"""What a shape is, how it is written, and the mission's. `bench.cases.suites` has sets of them."""

import re
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields, replace
from typing import Annotated, Any, Literal

from pydantic import Field, model_serializer

from bench.cases.fields import Name, Size

LARGEST_AXIS = 10_000_000
LARGEST_ARRAY = 2**31 - 1  # elements: kernels and compilers count them in 32 bits
LARGEST_STACK = 1000  # layers
Axis = Annotated[Size, Field(ge=1)]
Lengths = Literal["full", "uniform"]
SIZES = r"(?P<axis>layers|[TBIHO])\s*=\s*(?P<size>[0-9]{1,20})"


@dataclass(frozen=True)
class Workload:
    """One shape: T time steps, B batch, I input, H hidden, O output size (0: no output layer).

    `lengths` of the batch's sequences are "full", T each, or "uniform", evenly from T / B to T.
    """

    name: Name
    T: Axis
    B: Axis
    I: Axis  # noqa: E741 - the notation of the whole project
    H: Axis
    O: Size  # noqa: E741
    layers: Axis = 1
    bidirectional: bool = False
    lengths: Lengths = "full"

    @property
    def ways(self) -> int:
        """How many directions each layer runs in."""
        return 2 if self.bidirectional else 1

    @property
    def alone(self) -> bool:
        """Whether it is one layer in one direction."""
        return self.layers == self.ways == 1

    @property
    def plain(self) -> bool:
        """Whether it is alone and has no padding: what can be timed as a recurrence, too."""
        return self.alone and self.lengths == "full"

    @property
    def lengths_in_order(self) -> tuple[int, ...]:
        """Of all sequences, the shortest first; the longest is T."""
        if self.lengths == "full":
            return (self.T,) * self.B
        return tuple(-(-n * self.T // self.B) for n in range(1, self.B + 1))

    @property
    def steps(self) -> int:
        """Of all sequences together, without the padding."""
        return sum(self.lengths_in_order)

    @property
    def padding(self) -> float:
        """Its share of the batch."""
        return 1 - self.steps / (self.T * self.B)

    @property
    def dependent_steps(self) -> int:
        """The longest chain: a layer above can begin at once, unless it waits for a reverse one."""
        return self.T * self.layers if self.bidirectional else self.T + self.layers - 1

    @property
    def structure(self) -> str:
        """In words what its sizes leave open; "" of a plain one."""
        layers = f"{self.layers} layers" if self.layers > 1 else ""
        both = "bidirectional" if self.bidirectional else ""
        padding = f"{self.padding:.0%} padding".replace("%", " %") if self.padding else ""
        return ", ".join(filter(None, (layers, both, padding)))

    @model_serializer(mode="wrap")
    def _written(self, handler: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        """What is as by default is left out: files of plain shapes are as they always were."""
        usual = {each.name: each.default for each in fields(self) if each.default is not MISSING}
        written = handler(self)
        return {name: v for name, v in written.items() if name not in usual or usual[name] != v}


def parse(text: str) -> Workload:
    """Read a shape such as "T=200,B=32,I=64,H=384,O=10", in any order.

    It may have "layers=2" and "bidirectional", too. Raises ValueError saying what is wrong with it.
    """
    parts = [part.strip() for part in text.split(",")]
    pairs = [re.fullmatch(SIZES, part) for part in parts if part != "bidirectional"]
    both = parts.count("bidirectional")
    named = sorted(pair["axis"] for pair in pairs if pair)
    if not all(pairs) or both > 1 or named not in (sorted("TBIHO"), [*sorted("TBIHO"), "layers"]):
        raise ValueError(
            f"shape is {text!r}; expected five sizes such as T=200,B=32,I=64,H=384,O=10, and "
            "perhaps layers=2 and bidirectional"
        )
    sizes = {pair["axis"]: int(pair["size"]) for pair in pairs}
    for axis in ("T", "B", "I", "H", "layers"):
        if not sizes.get(axis, 1):
            raise ValueError(f"shape is {text!r}; expected {axis} to be at least 1")
    _refuse_giants(text, sizes, 1 + both)
    names = [f"{axis}{sizes[axis]}" for axis in (*"TBIHO", "layers") if axis in sizes]
    name = "-".join((*names, *["bidirectional"] * both))
    return Workload(name, **sizes, bidirectional=bool(both))


def _refuse_giants(text: str, sizes: dict[str, int], ways: int) -> None:
    for axis, size in sizes.items():
        largest = LARGEST_STACK if axis == "layers" else LARGEST_AXIS
        if size > largest:
            raise ValueError(f"shape is {text!r}; expected {axis} to be at most {largest:,}")
    widest = max(sizes["I"], sizes["H"] * ways, sizes["O"])
    for product, rows in (("T x B", sizes["T"] * sizes["B"]), ("H", sizes["H"])):
        if rows * widest > LARGEST_ARRAY:
            raise ValueError(
                f"shape is {text!r}; expected {product} x {widest} to be at most "
                f"{LARGEST_ARRAY:,}, as many elements as an array may have"
            )


def with_lengths(workload: Workload, lengths: Lengths) -> Workload:
    """The same with sequences of other lengths, which its name then says."""
    if lengths == workload.lengths:
        return workload
    return replace(workload, name=f"{workload.name}-{lengths}", lengths=lengths)


def mission(T: int) -> Workload:
    """The shape of the project's task, over T steps."""
    return Workload(f"mission-T{T}", T, B=50, I=128, H=256, O=128)
