"""The whole layer: both projections and every gradient in the one call."""

from jaxtyping import Array, Float

from kernels.contract import LayerGradients, LayerOutputs
from kernels.native.calls import call
from kernels.opaque import opaque
from reference import Params


def forward(
    params: Params,
    x: Float[Array, "T B I"],
    h0: Float[Array, "B H"],
    *,
    activation: str,
    precision: str,
    keep_states: bool,
) -> LayerOutputs:
    """`kernels.contract.LayerForward`."""

    @opaque("i h, h k, h, h o, o, t b i, b h -> t b o, b h, s b h")
    def run(*arrays):
        (*_, b_o, x, h0) = arrays
        kept = len(x) if keep_states else 0
        shapes = [(*x.shape[:2], len(b_o)), h0.shape, (kept, *h0.shape)]
        return call("layer_forward", activation, shapes, *arrays)

    return LayerOutputs(*run(*params, x, h0))


def backward(
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
) -> LayerGradients:
    """`kernels.contract.LayerBackward`."""
    shapes = [leaf.shape for leaf in params]

    @opaque("i h, h k, h o, t b i, b h, t b h, t b o, b h -> i h, h k, h, h o, o, b h, s b i")
    def run(*arrays):
        x, h0 = arrays[3:5]
        dx = x.shape if with_dx else (0, *x.shape[1:])
        return call("layer_backward", activation, [*shapes, h0.shape, dx], *arrays)

    weights = params.w_xh, params.w_hh, params.w_ho
    *gradients, dh0, dx = run(*weights, x, h0, h, dy, dh_last)
    return LayerGradients(Params(*gradients), dx if with_dx else None, dh0)
