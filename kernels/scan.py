"""`scan`: a jitted lax.scan with the input projection hoisted. The baseline of every speed-up."""

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from kernels.common.numerics import accumulator, dot
from kernels.contract import Kernel, Problem, Recurrent, Run, State, Steps


def forward(
    run: Run,
    pre: Float[Array, "T B X"],
    weights: Recurrent,
    initial: State,
    *,
    keep: bool,
    unroll: int = 1,
) -> Steps:
    """`kernels.contract.Forward`, `unroll` steps to each trip of the loop."""
    cell, biases = run.cell, weights.b_h.reshape(run.cell.own, len(weights.w_h))

    def step(before, pre_t):
        from_x = jnp.split(pre_t, cell.from_x, axis=1)
        product = dot(before[0], weights.w_h, run.precision)
        after, saved = cell.advance(from_x, jnp.split(product, cell.from_h, axis=1), biases, before)
        return after, (after, saved) if keep else (after[:1], ())

    last, ((h, *carried), saved) = jax.lax.scan(step, initial, pre, unroll=unroll)
    return Steps(h, last, (tuple(carried), saved))


def backward(
    run: Run,
    dh: Float[Array, "T B H"],
    dlast: State,
    steps: Steps,
    weights: Recurrent,
    initial: State,
    *,
    unroll: int = 1,
) -> tuple[Float[Array, "T B S"], State]:
    """`kernels.contract.Backward`, `unroll` steps to each trip of the loop."""
    cell, w_back, wide = run.cell, weights.w_h.T, accumulator(dh.dtype)
    carried, saved = steps.saved
    after = (steps.h, *carried)
    before = jax.tree.map(
        lambda first, all: jnp.concatenate([first[None], all[:-1]]), initial, after
    )

    def step(dstate, now):
        dh_t, *rest = jax.tree.map(lambda value: value.astype(wide), now)
        dslots, (direct, *dcarried) = cell.step_vjp((dstate[0] + dh_t, *dstate[1:]), *rest)
        dpre = jnp.concatenate(dslots, axis=1).astype(dh.dtype)
        from_h = dpre[:, dpre.shape[1] - w_back.shape[0] :]
        return (dot(from_h, w_back, run.precision) + direct, *dcarried), dpre

    dlast = jax.tree.map(lambda value: value.astype(wide), dlast)
    dinitial, dpre = jax.lax.scan(
        step, dlast, (dh, saved, before, after), reverse=True, unroll=unroll
    )
    return dpre, jax.tree.map(lambda value: value.astype(dh.dtype), dinitial)


def unsupported(problem: Problem) -> str | None:
    """TF32 is a format of NVIDIA's tensor cores; XLA offers it nowhere else."""
    if problem.precision == "tf32" and problem.platform != "gpu":
        return f"precision 'tf32' needs an NVIDIA GPU; this is {problem.platform}"
    return None


KERNEL = Kernel(forward, backward, unsupported=unsupported)
# The same scan, differentiated by JAX: what the hand-written backward pass is measured against.
AUTODIFF = Kernel(forward, backward=None, unsupported=unsupported)


def unrolled_by(factor: int) -> tuple[partial, partial]:
    """Both halves with `factor` steps to each trip of the loop."""
    return partial(forward, unroll=factor), partial(backward, unroll=factor)
