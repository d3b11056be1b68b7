"""A layer that a kernel takes whole, and its gradients."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from kernels.contract import Run, State, Whole
from reference import Readout, Weights


def _forward(
    kernel: Whole,
    run: Run,
    weights: Weights,
    readout: Readout | None,
    x: Float[Array, "T B I"],
    initial: State,
    lengths: Int[Array, "B"] | None,
) -> tuple[Float[Array, "T B O"], State]:
    y, steps = kernel.forward(run, weights, readout, x, initial, lengths, keep=False)
    return y, steps.last


whole = jax.custom_vjp(_forward, nondiff_argnums=(0, 1))


def _whole_fwd(kernel, run, *primals):
    """Keeps the steps, and as the shape of an empty array whether x and initial need a gradient.

    Not in the structure of what is kept: JAX has one for all calls of a jitted function, and one
    call's would do for another, whose gradients would then silently be zero.
    """
    *_, x, initial, _ = primals
    needs = [any(each.perturbed for each in leaves) for leaves in ((x,), initial)]
    values = jax.tree.map(lambda primal: primal.value, primals, is_leaf=_is_primal)
    y, steps = kernel.forward(run, *values, keep=True)
    return (y, steps.last), (values, steps, jnp.zeros((*map(int, needs), 0)))


def _is_primal(node: object) -> bool:
    return isinstance(node, jax.custom_derivatives.CustomVJPPrimal)


def _whole_bwd(kernel, run, residuals, cotangents):
    values, steps, needs = residuals
    dy, dlast = jax.tree.map(_instantiate, cotangents, is_leaf=_is_zero)
    with_dx, with_dinitial = map(bool, needs.shape[:2])
    options = {"with_dx": with_dx, "with_dinitial": with_dinitial}
    return *kernel.backward(run, *values, steps, dy, dlast, **options), None


def _is_zero(node: object) -> bool:
    return isinstance(node, jax.custom_derivatives.SymbolicZero)


def _instantiate(cotangent: object) -> Float[Array, "..."]:
    """Zeros that JAX only names, as an array."""
    return jnp.zeros(cotangent.shape, cotangent.dtype) if _is_zero(cotangent) else cotangent


whole.defvjp(_whole_fwd, _whole_bwd, symbolic_zeros=True)
