"""What a kernel is: two functions and predicates, one `Kernel` in its file.

It may take the whole layer, too.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from reference import Readout, Weights
from reference.cells import Cell

DTYPES = ("bfloat16", "float16", "float32", "float64")
PRECISIONS = ("full", "tf32")

State = tuple[Float[Array, "B H"], ...]  # h, then what the cell carries beside it


@dataclass(frozen=True)
class Problem:
    """Everything a kernel may look at to decide whether, and how, it runs."""

    T: int
    B: int
    H: int
    dtype: jnp.dtype
    cell: str
    precision: str
    platform: str  # "cpu", "gpu", ...: a kernel may run on one and not the other


@dataclass(frozen=True)
class Run:
    """What is static about a call, under jit too."""

    cell: Cell
    precision: str
    reverse: bool = False  # from the end of every sequence to its start


class Recurrent(NamedTuple):
    """The weights of the recurrence: of the last `from_h` slots, and of those x does not fill."""

    w_h: Float[Array, "H R"]
    b_h: Float[Array, "..."]


class Steps(NamedTuple):
    """What a forward pass gives. `saved` is the kernel's own business, for its backward pass.

    Both h of a whole layer and `saved` hold no step where they are not kept.
    """

    h: Float[Array, "T B H"]
    last: State
    saved: Any = ()


class Slopes(NamedTuple):
    """What a backward pass gives. The gradient of the weights may be left to XLA.

    XLA makes it from the derivatives of all slots. Where the kernel gives it, it has the weights'
    dtype and nothing of the padding in it, and `slots` need be no more than those that x fills.
    """

    slots: Float[Array, "T B S"]
    initial: State
    weights: Recurrent | None = None


@runtime_checkable
class Forward(Protocol):
    """All states, from the pre-activations of the slots that x fills: x W_x and their biases.

    Each state is rounded to the storage dtype once a step. What is saved is kept on demand. There
    are lengths only for a kernel that handles them; behind a sequence's end its h is then 0.
    """

    def __call__(
        self,
        run: Run,
        pre: Float[Array, "T B X"],
        weights: Recurrent,
        initial: State,
        lengths: Int[Array, "B"] | None,
        *,
        keep: bool,
    ) -> Steps: ...


@runtime_checkable
class Backward(Protocol):
    """The derivatives of slots, initial state and weights, from those of h and the last state.

    `steps` are the forward half's own, kept. Derivatives of slots in the padding are 0.
    """

    def __call__(
        self,
        run: Run,
        dh: Float[Array, "T B H"],
        dlast: State,
        steps: Steps,
        weights: Recurrent,
        initial: State,
        lengths: Int[Array, "B"] | None,
    ) -> Slopes: ...


class WholeGradients(NamedTuple):
    """Of a layer's weights, its readout, its inputs and initial state: None where not needed."""

    weights: Weights
    readout: Readout | None
    x: Float[Array, "T B I"] | None
    initial: State | None


@runtime_checkable
class WholeForward(Protocol):
    """y and the steps of a layer; y is h without a readout. Biases have one axis."""

    def __call__(
        self,
        run: Run,
        weights: Weights,
        readout: Readout | None,
        x: Float[Array, "T B I"],
        initial: State,
        lengths: Int[Array, "B"] | None,
        *,
        keep: bool,
    ) -> tuple[Float[Array, "T B O"], Steps]: ...


@runtime_checkable
class WholeBackward(Protocol):
    """Every gradient, from those of y and of the last state. Biases have one axis."""

    def __call__(
        self,
        run: Run,
        weights: Weights,
        readout: Readout | None,
        x: Float[Array, "T B I"],
        initial: State,
        lengths: Int[Array, "B"] | None,
        steps: Steps,
        dy: Float[Array, "T B O"],
        dlast: State,
        *,
        with_dx: bool,
        with_dinitial: bool,
    ) -> WholeGradients: ...


@runtime_checkable
class Pack(Protocol):
    """A layer and its readout, laid out as the kernel reads them. Biases have one axis."""

    def __call__(
        self, cell: Cell, weights: Weights, readout: Readout | None
    ) -> tuple[Weights, Readout | None]: ...


@runtime_checkable
class PackedForward(Protocol):
    """y and the last state of a layer whose weights are packed; y is h without a readout."""

    def __call__(
        self,
        run: Run,
        weights: Weights,
        readout: Readout | None,
        x: Float[Array, "T B I"],
        initial: State,
        lengths: Int[Array, "B"] | None,
    ) -> tuple[Float[Array, "T B O"], State]: ...


@dataclass(frozen=True)
class Packing:
    """Weights laid out once, for many forward passes. The kernel handles lengths and reverse."""

    pack: Pack
    forward: PackedForward


@dataclass(frozen=True)
class Whole:
    """The whole layer and its readout by the kernel itself, both ways."""

    forward: WholeForward
    backward: WholeBackward
    packing: Packing | None = None


def no_objection(*_: object) -> None:
    """No reason against it."""


@dataclass(frozen=True)
class Kernel:
    """One implementation of the recurrence. Both halves see T >= 1, B >= 1 and checked arrays.

    Each predicate answers None, or a reason in words that a user reads. They only look: what takes
    long, such as a build, is for `prepare`, which is called before each run of the kernel.
    """

    forward: Forward
    backward: Backward | None  # None: JAX differentiates the forward half itself
    unavailable: Callable[[str], str | None] = (
        no_objection  # on this platform, whatever the problem
    )
    unsupported: Callable[[Problem], str | None] = (
        no_objection  # this problem, where it is available
    )
    emulated: Callable[[str], str | None] = no_objection  # it runs, but its speed means nothing
    # To run a problem here, once chosen: None, or why not.
    prepare: Callable[[Problem], str | None] = no_objection
    whole: Whole | None = None  # None: the layer is composed from the two halves and XLA's products
    # Of "lengths" and "reverse" those it has itself, for speed; any kernel is right without.
    handles: frozenset[str] = frozenset()


def current_platform() -> str:
    """The platform that a computation started now would run on."""
    device = jax.config.jax_default_device
    if device is None:
        return jax.default_backend()
    platform = device if isinstance(device, str) else device.platform
    return "gpu" if platform == "cuda" else platform
