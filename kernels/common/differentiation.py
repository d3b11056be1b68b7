"""The whole model around a kernel's two halves, and its gradients: `jax.custom_vjp`, once for all.

Only the recurrence is a kernel's own. Projections and weight gradients are ordinary products over
all T B rows, which XLA does well for every kernel; one that gains by taking the whole layer has a
`Layer`, which is then all that runs.
"""

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from kernels.common.numerics import dot, sum_of_outer
from kernels.contract import Kernel
from reference import Params

Outputs = tuple[Float[Array, "T B O"], Float[Array, "B H"]]


@dataclass(frozen=True)
class Method:
    """How to run: static under jit."""

    kernel: Kernel
    activation: str
    precision: str

    @property
    def options(self) -> dict[str, str]:
        """Keywords of both halves of a kernel."""
        return {"activation": self.activation, "precision": self.precision}

    def dot(self, a: Float[Array, "*M K"], b: Float[Array, "K N"]) -> Float[Array, "*M N"]:
        """a b, as `precision` has it."""
        return dot(a, b, self.precision)


@partial(jax.jit, static_argnums=0)
def model(
    method: Method, params: Params, x: Float[Array, "T B I"], h0: Float[Array, "B H"]
) -> Outputs:
    """Outputs of every step, and the last state."""
    if method.kernel.layer is not None and len(x):
        return _layer(method, _with_flat_biases(params), x, h0)
    z = (method.dot(x, params.w_xh) + params.b_h).astype(x.dtype)
    h = states(method, z, params.w_hh, h0)
    y = (method.dot(h, params.w_ho) + params.b_o).astype(x.dtype)
    return y, h[-1] if len(h) else h0


@partial(jax.jit, static_argnums=(0, 1))
def chunked_model(
    method: Method, chunk: int, params: Params, x: Float[Array, "T B I"], h0: Float[Array, "B H"]
) -> Outputs:
    """`model` over chunks of time, of which a gradient keeps only the first state."""

    @jax.checkpoint
    def run(h, x_chunk):
        y, h = model(method, params, x_chunk, h)
        return h, y

    whole = len(x) // chunk * chunk
    h, y = jax.lax.scan(run, h0, x[:whole].reshape(-1, chunk, *x.shape[1:]))
    h, y_rest = run(h, x[whole:])
    return jnp.concatenate([y.reshape(whole, *y.shape[2:]), y_rest]), h


def states(
    method: Method, z: Float[Array, "T B H"], w_hh: Float[Array, "H H"], h0: Float[Array, "B H"]
) -> Float[Array, "T B H"]:
    """All states, from pre-activations."""
    if not len(z):
        return z
    run = _forward if method.kernel.backward is None else _differentiable
    return run(method, z, w_hh, h0)


def _forward(
    method: Method, z: Float[Array, "T B H"], w_hh: Float[Array, "H H"], h0: Float[Array, "B H"]
) -> Float[Array, "T B H"]:
    return method.kernel.forward(z, w_hh, h0, **method.options)


_differentiable = jax.custom_vjp(_forward, nondiff_argnums=(0,))


def _states_fwd(method, z, w_hh, h0):
    """Keeps no more than the states."""
    h = _differentiable(method, z, w_hh, h0)
    return h, (h, w_hh, h0)


def _states_bwd(method, residuals, dh):
    h, w_hh, h0 = residuals
    dz = method.kernel.backward(dh, h, w_hh, **method.options)
    before = jnp.concatenate([h0[None], h[:-1]])
    dw_hh = sum_of_outer(before, dz, method.precision)
    dh0 = method.dot(dz[0], w_hh.T)
    return dz, dw_hh.astype(w_hh.dtype), dh0.astype(h0.dtype)


_differentiable.defvjp(_states_fwd, _states_bwd)


def _with_flat_biases(params: Params) -> Params:
    return params._replace(b_h=params.b_h.reshape(-1), b_o=params.b_o.reshape(-1))


def _layer_forward(
    method: Method, params: Params, x: Float[Array, "T B I"], h0: Float[Array, "B H"]
) -> Outputs:
    return method.kernel.layer.forward(params, x, h0, keep_states=False, **method.options)[:2]


_layer = jax.custom_vjp(_layer_forward, nondiff_argnums=(0,))


def _layer_fwd(method, params, x, h0):
    """Keeps the states, and in the structure of what is kept whether x needs a gradient."""
    needs_dx = () if x.perturbed else None
    params, x, h0 = jax.tree.map(lambda primal: primal.value, (params, x, h0), is_leaf=_is_primal)
    y, h_last, h = method.kernel.layer.forward(params, x, h0, keep_states=True, **method.options)
    return (y, h_last), (params, x, h0, h, needs_dx)


def _is_primal(node: object) -> bool:
    return isinstance(node, jax.custom_derivatives.CustomVJPPrimal)


def _layer_bwd(method, residuals, cotangents):
    params, x, h0, h, needs_dx = residuals
    gradients = method.kernel.layer.backward(
        params,
        x,
        h0,
        h,
        *map(_instantiate, cotangents),
        with_dx=needs_dx is not None,
        **method.options,
    )
    return gradients.params, gradients.x, gradients.h0


def _instantiate(cotangent: object) -> Float[Array, "..."]:
    """Zeros that JAX only names, as an array."""
    if isinstance(cotangent, jax.custom_derivatives.SymbolicZero):
        return jnp.zeros(cotangent.shape, cotangent.dtype)
    return cotangent


_layer.defvjp(_layer_fwd, _layer_bwd, symbolic_zeros=True)
