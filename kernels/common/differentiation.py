"""The whole model around a kernel's two halves, and its gradients: `jax.custom_vjp`, once for all.

Only the recurrence is a kernel's own. Projections and weight gradients are ordinary products over
all T B rows, which XLA does well for every kernel; one that gains by taking the whole layer has a
`Whole`, which is then all that runs.
"""

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from kernels.common.numerics import dot, sum_of_outer
from kernels.contract import Kernel, Recurrent, Run, State
from reference import Params, Readout, Weights

Outputs = tuple[Float[Array, "T B O"], State]
AllStates = tuple[Float[Array, "T B H"], State]


@dataclass(frozen=True)
class Method:
    """Which kernel runs what: static under jit."""

    kernel: Kernel
    run: Run

    def dot(self, a: Float[Array, "*M K"], b: Float[Array, "K N"]) -> Float[Array, "*M N"]:
        """a b, as `precision` has it."""
        return dot(a, b, self.run.precision)


@partial(jax.jit, static_argnums=0)
def model(method: Method, params: Params, x: Float[Array, "T B I"], initial: State) -> Outputs:
    """Outputs of every step, and the last state, of one layer."""
    weights, readout = params.layers[0].forward, params.readout
    if method.kernel.whole is not None and readout is not None and len(x):
        return _whole(
            method, *jax.tree.map(_with_flat_bias, (weights, readout), is_leaf=_biased), x, initial
        )
    from_x = weights.w_x.shape[1]
    b_x, b_h = jnp.split(weights.b.reshape(-1), [from_x])
    pre = (method.dot(x, weights.w_x) + b_x).astype(x.dtype)
    h, last = states(method, pre, Recurrent(weights.w_h, b_h), initial)
    if readout is None:
        return h, last
    return (method.dot(h, readout.w) + readout.b).astype(x.dtype), last


def _biased(node: object) -> bool:
    return isinstance(node, Weights | Readout)


def _with_flat_bias(layer: Weights | Readout) -> Weights | Readout:
    return layer._replace(b=layer.b.reshape(-1))


@partial(jax.jit, static_argnums=(0, 1))
def chunked_model(
    method: Method, chunk: int, params: Params, x: Float[Array, "T B I"], initial: State
) -> Outputs:
    """`model` over chunks of time, of which a gradient keeps only the first state."""

    @jax.checkpoint
    def run(state, x_chunk):
        y, state = model(method, params, x_chunk, state)
        return state, y

    whole = len(x) // chunk * chunk
    state, y = jax.lax.scan(run, initial, x[:whole].reshape(-1, chunk, *x.shape[1:]))
    state, y_rest = run(state, x[whole:])
    return jnp.concatenate([y.reshape(whole, *y.shape[2:]), y_rest]), state


def states(
    method: Method, pre: Float[Array, "T B X"], weights: Recurrent, initial: State
) -> AllStates:
    """All states h and the last state, from pre-activations."""
    if not len(pre):
        return pre[..., : initial[0].shape[1]], initial
    run = _forward if method.kernel.backward is None else _differentiable
    return run(method, pre, weights, initial)


def _forward(
    method: Method, pre: Float[Array, "T B X"], weights: Recurrent, initial: State
) -> AllStates:
    return method.kernel.forward(method.run, pre, weights, initial, keep=False)[:2]


_differentiable = jax.custom_vjp(_forward, nondiff_argnums=(0,))


def _states_fwd(method, pre, weights, initial):
    steps = method.kernel.forward(method.run, pre, weights, initial, keep=True)
    return steps[:2], (steps, weights, initial)


def _states_bwd(method, residuals, cotangents):
    steps, weights, initial = residuals
    dpre, dinitial = method.kernel.backward(method.run, *cotangents, steps, weights, initial)
    cell, (H, from_h) = method.run.cell, weights.w_h.shape
    before = jnp.concatenate([initial[0][None], steps.h[:-1]])
    dw_h = sum_of_outer(before, dpre[..., dpre.shape[2] - from_h :], method.run.precision)
    from_x, own = jnp.split(dpre, [cell.from_x * H], axis=2)
    dweights = Recurrent(dw_h.astype(steps.h.dtype), own.sum((0, 1)))
    return from_x, dweights, dinitial


_differentiable.defvjp(_states_fwd, _states_bwd)


def _whole_forward(
    method: Method,
    weights: Weights,
    readout: Readout,
    x: Float[Array, "T B I"],
    initial: State,
) -> Outputs:
    y, steps = method.kernel.whole.forward(method.run, weights, readout, x, initial, keep=False)
    return y, steps.last


_whole = jax.custom_vjp(_whole_forward, nondiff_argnums=(0,))


def _whole_fwd(method, *primals):
    """Keeps the steps, and as the shape of an empty array whether x and initial need a gradient.

    Not in the structure of what is kept: JAX has one for all calls of a jitted function, and one
    call's would do for another, whose gradients would then silently be zero.
    """
    *_, x, initial = primals
    needs = [any(each.perturbed for each in leaves) for leaves in ((x,), initial)]
    values = jax.tree.map(lambda primal: primal.value, primals, is_leaf=_is_primal)
    y, steps = method.kernel.whole.forward(method.run, *values, keep=True)
    return (y, steps.last), (values, steps, jnp.zeros((*map(int, needs), 0)))


def _is_primal(node: object) -> bool:
    return isinstance(node, jax.custom_derivatives.CustomVJPPrimal)


def _whole_bwd(method, residuals, cotangents):
    values, steps, needs = residuals
    dy, dlast = jax.tree.map(_instantiate, cotangents, is_leaf=_is_zero)
    with_dx, with_dinitial = map(bool, needs.shape[:2])
    options = {"with_dx": with_dx, "with_dinitial": with_dinitial}
    return tuple(method.kernel.whole.backward(method.run, *values, steps, dy, dlast, **options))


def _is_zero(node: object) -> bool:
    return isinstance(node, jax.custom_derivatives.SymbolicZero)


def _instantiate(cotangent: object) -> Float[Array, "..."]:
    """Zeros that JAX only names, as an array."""
    return jnp.zeros(cotangent.shape, cotangent.dtype) if _is_zero(cotangent) else cotangent


_whole.defvjp(_whole_fwd, _whole_bwd, symbolic_zeros=True)
