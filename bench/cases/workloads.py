"""What a shape is, how it is written, and the mission's. `bench.cases.suites` has sets of them."""

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from bench.cases.fields import Name, Size

LARGEST_AXIS = 10_000_000
LARGEST_ARRAY = 2**31 - 1  # elements: kernels and compilers count them in 32 bits
Axis = Annotated[Size, Field(ge=1)]


@dataclass(frozen=True)
class Workload:
    """One shape: T time steps, B batch, I input, H hidden, O output size (0: no output layer)."""

    name: Name
    T: Axis
    B: Axis
    I: Axis  # noqa: E741 - the notation of the whole project
    H: Axis
    O: Size  # noqa: E741


def parse(text: str) -> Workload:
    """Read a shape such as "T=200,B=32,I=64,H=384,O=10", sizes in any order.

    Raises ValueError saying what is wrong with the text.
    """
    pattern = r"\s*([TBIHO])\s*=\s*([0-9]{1,20})\s*"
    pairs = [re.fullmatch(pattern, part) for part in text.split(",")]
    if not all(pairs) or sorted(pair[1] for pair in pairs) != sorted("TBIHO"):
        raise ValueError(
            f"shape is {text!r}; expected five sizes such as T=200,B=32,I=64,H=384,O=10"
        )
    sizes = {pair[1]: int(pair[2]) for pair in pairs}
    for axis in "TBIH":
        if not sizes[axis]:
            raise ValueError(f"shape is {text!r}; expected {axis} to be at least 1")
    _refuse_giants(text, sizes)
    return Workload("-".join(f"{axis}{sizes[axis]}" for axis in "TBIHO"), **sizes)


def _refuse_giants(text: str, sizes: dict[str, int]) -> None:
    for axis, size in sizes.items():
        if size > LARGEST_AXIS:
            raise ValueError(f"shape is {text!r}; expected {axis} to be at most {LARGEST_AXIS:,}")
    widest = max(sizes["I"], sizes["H"], sizes["O"])
    for product, rows in (("T x B", sizes["T"] * sizes["B"]), ("H", sizes["H"])):
        if rows * widest > LARGEST_ARRAY:
            raise ValueError(
                f"shape is {text!r}; expected {product} x {widest} to be at most "
                f"{LARGEST_ARRAY:,}, as many elements as an array may have"
            )


def mission(T: int) -> Workload:
    """The shape of the project's task, over T steps."""
    return Workload(f"mission-T{T}", T, B=50, I=128, H=256, O=128)
