"""The whole layer: both projections and every gradient in the one call."""

from jaxtyping import Array, Float

from kernels.batching import folding
from kernels.contract import LayerGradients, LayerOutputs
from kernels.native.calls import call
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
    """`kernels.contract.LayerForward`; an axis mapped in x and h0 is folded into B."""

    def run(params, x, h0):
        T, outputs = len(x), params.w_ho.shape[1]
        wanted = [(*x.shape[:2], outputs), h0.shape, (T if keep_states else 0, *h0.shape)]
        return tuple(call("layer_forward", activation, wanted, *params, x, h0))

    return LayerOutputs(*folding(run)(params, x, h0))


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
    """`kernels.contract.LayerBackward`; a mapped axis is a loop."""
    weights = params.w_xh, params.w_hh, params.w_ho
    dx = x.shape if with_dx else (0, *x.shape[1:])
    wanted = [leaf.shape for leaf in (*params, h0)] + [dx]
    *gradients, dh0, dx = call(
        "layer_backward", activation, wanted, *weights, x, h0, h, dy, dh_last
    )
    return LayerGradients(Params(*gradients), dx if with_dx else None, dh0)
