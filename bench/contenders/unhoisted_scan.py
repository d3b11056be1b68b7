"""The scan with its input projection left inside the loop, and its gradients by hand."""

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from kernels import scan
from kernels.common.numerics import dot, sum_of_outer
from kernels.common.sequences import before, inside, where_inside, without_padding
from kernels.contract import Recurrent, Run, State, Steps, Whole, WholeGradients
from reference import Readout, Weights


def whole(unroll: int) -> Whole:
    """The whole layer, `unroll` steps to each trip of both loops."""
    return Whole(partial(forward, unroll=unroll), partial(backward, unroll=unroll))


def forward(
    run: Run,
    weights: Weights,
    readout: Readout | None,
    x: Float[Array, "T B I"],
    initial: State,
    lengths: Int[Array, "B"] | None,
    *,
    keep: bool,
    unroll: int,
) -> tuple[Float[Array, "T B O"], Steps]:
    """`kernels.contract.WholeForward`."""
    cell, multiply = run.cell, partial(dot, precision=run.precision)
    b_x, b_h = jnp.split(weights.b, [weights.w_x.shape[1]])
    biases = b_h.reshape(cell.own, len(weights.w_h))

    def step(before, now):
        x_t, inside_t = now
        from_x = jnp.split(multiply(x_t, weights.w_x) + b_x, cell.from_x, axis=1)
        from_h = jnp.split(multiply(before[0], weights.w_h), cell.from_h, axis=1)
        after, saved = cell.advance(from_x, from_h, biases, before)
        after = where_inside(inside_t, after, before)
        return after, (after, saved) if keep else (after[:1], ())

    steps = without_padding(x, lengths), inside(lengths, len(x))
    last, ((h, *carried), saved) = jax.lax.scan(
        step, initial, steps, reverse=run.reverse, unroll=unroll
    )
    h = without_padding(h, lengths)
    y = h if readout is None else (multiply(h, readout.w) + readout.b).astype(x.dtype)
    return without_padding(y, lengths), Steps(h if keep else h[:0], last, (tuple(carried), saved))


def backward(
    run: Run,
    weights: Weights,
    readout: Readout | None,
    x: Float[Array, "T B I"],
    initial: State,
    lengths: Int[Array, "B"] | None,
    steps: Steps,
    dy: Float[Array, "T B O"],
    dlast: State,
    *,
    with_dx: bool,
    with_dinitial: bool,
    unroll: int,
) -> WholeGradients:
    """`kernels.contract.WholeBackward`: a scan, and for each weight one product over T B."""
    multiply, outer = (partial(f, precision=run.precision) for f in (dot, sum_of_outer))
    w_x, w_h, _ = weights
    x, dy = without_padding(x, lengths), without_padding(dy, lengths)
    dh = dy if readout is None else multiply(dy, readout.w.T).astype(x.dtype)
    recurrent = Recurrent(w_h, weights.b[w_x.shape[1] :])
    dpre, dinitial, _ = scan.backward(
        run, dh, dlast, steps, recurrent, initial, lengths, unroll=unroll
    )
    from_x, from_h = dpre[..., : w_x.shape[1]], dpre[..., dpre.shape[2] - w_h.shape[1] :]
    states = without_padding(before(run, steps.h, initial[0], lengths), lengths)
    gradients = (
        Weights(w_x=outer(x, from_x), w_h=outer(states, from_h), b=dpre.sum((0, 1))),
        readout and Readout(w=outer(steps.h, dy), b=dy.sum((0, 1))),
        multiply(from_x, w_x.T) if with_dx else None,
    )
    rounded = jax.tree.map(lambda gradient: gradient.astype(x.dtype), gradients)
    return WholeGradients(*rounded, dinitial if with_dinitial else None)
