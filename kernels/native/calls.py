"""The library's handlers as the two halves of a kernel, and as those of the whole layer."""

import jax
from jaxtyping import Array, Float

from kernels.common.opaque import BACKWARD, FORWARD, opaque
from kernels.common.sharding import result_like
from kernels.contract import LayerGradients, LayerOutputs
from kernels.native import compiler, library
from reference import Params


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
        return _call("recurrence_forward", activation, [z.shape], z, w_hh, h0)

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
        return _call("recurrence_backward", activation, [h.shape], dh, h, w_hh)

    return run(dh, h, w_hh)[0]


def layer_forward(
    params: Params,
    x: Float[Array, "T B I"],
    h0: Float[Array, "B H"],
    *,
    activation: str,
    precision: str,
    keep_states: bool,
) -> LayerOutputs:
    """`kernels.contract.LayerForward`: both projections and the recurrence in one call."""

    @opaque("i h, h k, h, h o, o, t b i, b h -> t b o, b h, s b h")
    def run(*arrays):
        (*_, b_o, x, h0) = arrays
        kept = len(x) if keep_states else 0
        shapes = [(*x.shape[:2], len(b_o)), h0.shape, (kept, *h0.shape)]
        return _call("layer_forward", activation, shapes, *arrays)

    return LayerOutputs(*run(*params, x, h0))


def layer_backward(
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
    """`kernels.contract.LayerBackward`: every gradient in one call."""
    shapes = [leaf.shape for leaf in params]

    @opaque("i h, h k, h o, t b i, b h, t b h, t b o, b h -> i h, h k, h, h o, o, b h, s b i")
    def run(*arrays):
        x, h0 = arrays[3:5]
        dx = x.shape if with_dx else (0, *x.shape[1:])
        return _call("layer_backward", activation, [*shapes, h0.shape, dx], *arrays)

    weights = params.w_xh, params.w_hh, params.w_ho
    *gradients, dh0, dx = run(*weights, x, h0, h, dy, dh_last)
    return LayerGradients(Params(*gradients), dx if with_dx else None, dh0)


def _call(
    handler: str, activation: str, output_shapes: list[tuple[int, ...]], *arrays: Array
) -> tuple[Array, ...]:
    """Run a handler on arrays of one dtype."""
    run = jax.ffi.ffi_call(
        library.handler_name(handler, arrays[0].dtype.name, compiler.target()),
        [result_like(arrays[0], shape) for shape in output_shapes],
    )
    return tuple(run(*arrays, relu=activation == "relu"))
