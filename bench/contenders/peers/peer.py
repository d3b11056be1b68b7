"""What a peer is: a kernel's predicates, and a function that makes a case runnable.

Layers of other libraries come whole: `bench.contenders.combinations` has the model alone for
them, and no backward pass apart from its forward one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from bench.cases.case import Case
from bench.cases.programs import Pairs, forward_pairs, inputs_of, train_pairs
from bench.contenders.subject import Subject


@dataclass(frozen=True)
class Peer:
    """A whole model to be timed: another library's, or ours on prepared params.

    Predicates answer None, or a reason in words.
    """

    unavailable: Callable[[str], str | None]  # on this platform
    unsupported: Callable[[Case], str | None]
    prepare: Callable[[Case], Subject]
    versions: Callable[[], dict[str, str]]  # and threads, where the library has its own
    has_threads: bool = False  # on a CPU: it is then measured in a process of its own


class Outputs(NamedTuple):
    """NumPy arrays; of a training step also every layer's h, and gradients in `Params`' order.

    `last` are the states after the last step, as they lie in `bench.cases.inputs.Targets`.
    """

    y: Any
    last: tuple[Any, ...]
    h: Any = None
    gradients: Any = None


@dataclass(frozen=True, eq=False)
class Runnable:
    """A case inside another library: a call that waits, and how to read what it returns."""

    call: Callable[[], Any]
    outputs: Callable[[Any], Outputs]
    compile_s: float | None = None  # seconds of compiling, where there is such a thing


def subject(case: Case, runnable: Runnable) -> Subject:
    """The same, to be called and timed in this process."""
    return Subject(
        runnable.call,
        lambda results: pairs(case, runnable.outputs(results)),
        compile_s=runnable.compile_s,
    )


def pairs(case: Case, got: Outputs) -> Pairs:
    """The outputs beside the oracle's."""
    if got.gradients is None:
        return forward_pairs(case, (got.y, got.last))
    return train_pairs(case, inputs_of(case), (got.y, got.last), got.h, got.gradients)


def one_layer_only(case: Case) -> str | None:
    """Why not, for a peer that is here with the plain shapes alone."""
    if case.workload.plain:
        return None
    return "not measured with several layers or directions, or sequences of different lengths"


def no_tf32(case: Case) -> str | None:
    """Why not, on a CPU."""
    return "TF32 needs an NVIDIA GPU" if case.dtype == "tf32" else None
