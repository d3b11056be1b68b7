"""The scan with its input projection left inside the loop, and its gradients by hand."""

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from kernels import scan
from kernels.common.numerics import dot, sum_of_outer
from kernels.contract import Layer, LayerGradients, LayerOutputs
from reference import Params
from reference.cells.elman import activate


def layer(unroll: int) -> Layer:
    """The whole layer, `unroll` steps to each trip of both loops."""
    return Layer(partial(forward, unroll=unroll), partial(backward, unroll=unroll))


def forward(
    params: Params,
    x: Float[Array, "T B I"],
    h0: Float[Array, "B H"],
    *,
    activation: str,
    precision: str,
    keep_states: bool,
    unroll: int,
) -> LayerOutputs:
    """`kernels.contract.LayerForward`."""
    multiply = partial(dot, precision=precision)

    def step(h, x_t):
        pre = multiply(x_t, params.w_xh) + params.b_h + multiply(h, params.w_hh)
        h = activate(pre, activation).astype(x.dtype)
        return h, h

    h_last, h = jax.lax.scan(step, h0, x, unroll=unroll)
    y = (multiply(h, params.w_ho) + params.b_o).astype(x.dtype)
    return LayerOutputs(y, h_last, h if keep_states else h[:0])


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
    unroll: int,
) -> LayerGradients:
    """`kernels.contract.LayerBackward`: dz by a scan, each weight's by one product over T B."""
    multiply, outer = (partial(f, precision=precision) for f in (dot, sum_of_outer))
    dh = multiply(dy, params.w_ho.T).at[-1].add(dh_last).astype(h.dtype)
    options = {"activation": activation, "precision": precision, "unroll": unroll}
    dz = scan.backward(dh, h, params.w_hh, **options)
    before = jnp.concatenate([h0[None], h[:-1]])
    gradients = Params(
        w_xh=outer(x, dz),
        w_hh=outer(before, dz),
        b_h=dz.sum((0, 1)),
        w_ho=outer(h, dy),
        b_o=dy.sum((0, 1)),
    )
    return LayerGradients(
        jax.tree.map(lambda gradient: gradient.astype(x.dtype), gradients),
        multiply(dz, params.w_xh.T).astype(x.dtype) if with_dx else None,
        multiply(dz[0], params.w_hh.T).astype(h0.dtype),
    )
