"""The recurrence alone, from given pre-activations."""

from jaxtyping import Array, Float

from kernels.batching import folding
from kernels.native.calls import call


def forward(
    z: Float[Array, "T B H"],
    w_hh: Float[Array, "H H"],
    h0: Float[Array, "B H"],
    *,
    activation: str,
    precision: str,
) -> Float[Array, "T B H"]:
    """`kernels.contract.Forward`; a mapped axis is folded into B."""

    def run(w_hh, z, h0):
        return call("recurrence_forward", activation, [z.shape], z, w_hh, h0)[0]

    return folding(run)(w_hh, z, h0)


def backward(
    dh: Float[Array, "T B H"],
    h: Float[Array, "T B H"],
    w_hh: Float[Array, "H H"],
    *,
    activation: str,
    precision: str,
) -> Float[Array, "T B H"]:
    """`kernels.contract.Backward`; a mapped axis is folded into B."""

    def run(w_hh, dh, h):
        return call("recurrence_backward", activation, [h.shape], dh, h, w_hh)[0]

    return folding(run)(w_hh, dh, h)
