"""The recurrence alone, from given pre-activations."""

from jaxtyping import Array, Float

from kernels.native.calls import call
from kernels.opaque import BACKWARD, FORWARD, opaque


def forward(
    z: Float[Array, "T B H"],
    w_hh: Float[Array, "H H"],
    h0: Float[Array, "B H"],
    *,
    activation: str,
    precision: str,
) -> Float[Array, "T B H"]:
    """`kernels.contract.Forward`."""

    @opaque(FORWARD)
    def run(z, w_hh, h0):
        return call("recurrence_forward", activation, [z.shape], z, w_hh, h0)

    return run(z, w_hh, h0)[0]


def backward(
    dh: Float[Array, "T B H"],
    h: Float[Array, "T B H"],
    w_hh: Float[Array, "H H"],
    *,
    activation: str,
    precision: str,
) -> Float[Array, "T B H"]:
    """`kernels.contract.Backward`."""

    @opaque(BACKWARD)
    def run(dh, h, w_hh):
        return call("recurrence_backward", activation, [h.shape], dh, h, w_hh)

    return run(dh, h, w_hh)[0]
