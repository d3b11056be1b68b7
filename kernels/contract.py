"""What a kernel is: two functions and predicates, one `Kernel` in its file.

It may take the whole layer, too.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from reference import Params

DTYPES = ("bfloat16", "float16", "float32", "float64")
PRECISIONS = ("full", "tf32")


@dataclass(frozen=True)
class Problem:
    """Everything a kernel may look at to decide whether, and how, it runs."""

    T: int
    B: int
    H: int
    dtype: jnp.dtype
    activation: str
    precision: str
    platform: str  # "cpu", "gpu", ...: a kernel may run on one and not the other


@runtime_checkable
class Forward(Protocol):
    """h_t = act(z_t + h_{t-1} W_hh), every state, rounded to the storage dtype once a step."""

    def __call__(
        self,
        z: Float[Array, "T B H"],
        w_hh: Float[Array, "H H"],
        h0: Float[Array, "B H"],
        *,
        activation: str,
        precision: str,
    ) -> Float[Array, "T B H"]: ...


@runtime_checkable
class Backward(Protocol):
    """dz_t = (dh_t + dz_{t+1} W_hh^T) * act'(h_t), with act' computed from h itself."""

    def __call__(
        self,
        dh: Float[Array, "T B H"],
        h: Float[Array, "T B H"],
        w_hh: Float[Array, "H H"],
        *,
        activation: str,
        precision: str,
    ) -> Float[Array, "T B H"]: ...


class LayerOutputs(NamedTuple):
    """What a layer's forward pass gives; h is (0, B, H) where states are not kept."""

    y: Float[Array, "T B O"]
    h_last: Float[Array, "B H"]
    h: Float[Array, "S B H"]


class LayerGradients(NamedTuple):
    """Of a layer's parameters, inputs (None where it is not needed) and initial state."""

    params: Params
    x: Float[Array, "T B I"] | None
    h0: Float[Array, "B H"]


@runtime_checkable
class LayerForward(Protocol):
    """`Forward` of z = x W_xh + b_h, and y = h W_ho + b_o. Biases are (H,) and (O,)."""

    def __call__(
        self,
        params: Params,
        x: Float[Array, "T B I"],
        h0: Float[Array, "B H"],
        *,
        activation: str,
        precision: str,
        keep_states: bool,
    ) -> LayerOutputs: ...


@runtime_checkable
class LayerBackward(Protocol):
    """Every gradient, from those of y and of the last state. Biases are (H,) and (O,)."""

    def __call__(
        self,
        params: Params,
        x: Float[Array, "T B I"],
        h0: Float[Array, "B H"],
        h: Float[Array, "T B H"],
        dy: Float[Array, "T B O"],
        dh_last: Float[Array, "B H"],
        *,
        activation: str,
        precision: str,
        with_dx: bool,
    ) -> LayerGradients: ...


@dataclass(frozen=True)
class Layer:
    """The whole layer by the kernel itself, both ways."""

    forward: LayerForward
    backward: LayerBackward


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
    prepare: Callable[[], str | None] = no_objection  # to run here, once chosen: None, or why not
    layer: Layer | None = None  # None: the layer is composed from the two halves and XLA's products


def current_platform() -> str:
    """The platform that a computation started now would run on."""
    device = jax.config.jax_default_device
    if device is None:
        return jax.default_backend()
    platform = device if isinstance(device, str) else device.platform
    return "gpu" if platform == "cuda" else platform
