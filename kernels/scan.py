"""`scan`: a jitted lax.scan with the input projection hoisted. The baseline of every speed-up."""

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from kernels.common.numerics import accumulator, dot
from kernels.common.sequences import before, inside, where_inside, without_padding
from kernels.contract import Kernel, Problem, Recurrent, Run, Slopes, State, Steps


def forward(
    run: Run,
    pre: Float[Array, "T B X"],
    weights: Recurrent,
    initial: State,
    lengths: Int[Array, "B"] | None,
    *,
    keep: bool,
    unroll: int = 1,
) -> Steps:
    """`kernels.contract.Forward`, `unroll` steps to each trip of the loop."""
    cell, biases = run.cell, weights.b_h.reshape(run.cell.own, len(weights.w_h))

    def step(before, now):
        pre_t, inside_t = now
        from_x = jnp.split(pre_t, cell.from_x, axis=1)
        # In the padding not even an infinite state meets weights.
        start = where_inside(inside_t, before, jax.tree.map(jnp.zeros_like, before))
        product = dot(start[0], weights.w_h, run.precision)
        after, saved = cell.advance(from_x, jnp.split(product, cell.from_h, axis=1), biases, start)
        after = where_inside(inside_t, after, before)
        return after, (after, saved) if keep else (after[:1], ())

    steps = pre, inside(lengths, len(pre))
    last, ((h, *carried), saved) = jax.lax.scan(
        step, initial, steps, reverse=run.reverse, unroll=unroll
    )
    return Steps(without_padding(h, lengths), last, (tuple(carried), saved))


def backward(
    run: Run,
    dh: Float[Array, "T B H"],
    dlast: State,
    steps: Steps,
    weights: Recurrent,
    initial: State,
    lengths: Int[Array, "B"] | None,
    *,
    unroll: int = 1,
) -> Slopes:
    """`kernels.contract.Backward`, `unroll` steps to each trip of the loop."""
    cell, w_back, wide = run.cell, weights.w_h.T, accumulator(dh.dtype)
    carried, saved = steps.saved
    after = (steps.h, *carried)
    start = tuple(before(run, *each, lengths) for each in zip(after, initial, strict=True))

    def step(dstate, now):
        (dh_t, *rest), inside_t = now
        dh_t, *rest = jax.tree.map(lambda value: value.astype(wide), (dh_t, *rest))
        dslots, (direct, *dcarried) = cell.step_vjp((dstate[0] + dh_t, *dstate[1:]), *rest)
        dpre = jnp.concatenate(dslots, axis=1).astype(dh.dtype)
        (dpre,) = where_inside(inside_t, (dpre,), (jnp.zeros_like(dpre),))
        from_h = dpre[:, dpre.shape[1] - w_back.shape[0] :]
        dbefore = (dot(from_h, w_back, run.precision) + direct, *dcarried)
        return where_inside(inside_t, dbefore, dstate), dpre

    dlast = jax.tree.map(lambda value: value.astype(wide), dlast)
    everything = (dh, saved, start, after), inside(lengths, len(dh))
    dinitial, dpre = jax.lax.scan(step, dlast, everything, reverse=not run.reverse, unroll=unroll)
    return Slopes(dpre, jax.tree.map(lambda value: value.astype(dh.dtype), dinitial))


def unsupported(problem: Problem) -> str | None:
    """TF32 is a format of NVIDIA's tensor cores; XLA offers it nowhere else."""
    if problem.precision == "tf32" and problem.platform != "gpu":
        return f"precision 'tf32' needs an NVIDIA GPU; this is {problem.platform}"
    return None


HANDLES = frozenset({"lengths", "reverse"})
KERNEL = Kernel(forward, backward, unsupported=unsupported, handles=HANDLES)
# The same scan, differentiated by JAX: what the hand-written backward pass is measured against.
AUTODIFF = Kernel(forward, backward=None, unsupported=unsupported, handles=HANDLES)


def unrolled_by(factor: int) -> tuple[partial, partial]:
    """Both halves with `factor` steps to each trip of the loop."""
    return partial(forward, unroll=factor), partial(backward, unroll=factor)
