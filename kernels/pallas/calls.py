"""Both halves, each as one launch. Slots, and what is kept, get an axis beside the units."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from kernels.common.opaque import opaque
from kernels.common.padding import pad, power_of_two_units
from kernels.contract import Recurrent, Run, Slopes, State, Steps
from kernels.pallas.launch import launch
from kernels.pallas.programs import backward_program, forward_program


def forward(
    run: Run,
    pre: Float[Array, "T B X"],
    weights: Recurrent,
    initial: State,
    lengths: Int[Array, "B"] | None,
    *,
    keep: bool,
) -> Steps:
    """`kernels.contract.Forward`. Saved are the other parts of each state, then the cell's own."""
    kept = len(run.cell.carried) + len(run.cell.saved) if keep else 0

    @opaque("t b x, h r, s, n b h -> t b h, n b h" + (", t b g" if kept else ""))
    def call(pre, w_h, b_h, initial):
        (T, B, _), H = pre.shape, len(w_h)
        biases = (b_h.reshape(-1, H),) if b_h.size else ()
        shapes = (T, B, H), initial.shape, *[(T, B, kept, H)] * bool(kept)
        operands = (_matrices(w_h), biases), (_apart(pre, H), initial)
        h, last, *saved = launch(forward_program, run, *operands, shapes)
        return h, last, *map(_joined, saved)

    h, last, *saved = call(pre, *weights, jnp.stack(initial))
    return Steps(h, tuple(last), tuple(saved))


def backward(
    run: Run,
    dh: Float[Array, "T B H"],
    dlast: State,
    steps: Steps,
    weights: Recurrent,
    initial: State,
    lengths: Int[Array, "B"] | None,
) -> Slopes:
    """`kernels.contract.Backward`."""
    saved = ", t b g" * len(steps.saved)

    @opaque(f"h r, t b h, n b h, n b h, t b h{saved} -> t b s, n b h")
    def call(w_h, dh, dlast, initial, h, *saved):
        T, B, H = dh.shape
        rows = dh, dlast, initial, h, tuple(_apart(each, H) for each in saved)
        shapes = (T, B, len(run.cell.slots), H), initial.shape
        dpre, dinitial = launch(backward_program, run, (_matrices(w_h),), rows, shapes)
        return _joined(dpre), dinitial

    ends = jnp.stack(dlast), jnp.stack(initial)
    dpre, dinitial = call(weights.w_h, dh, *ends, steps.h, *steps.saved)
    return Slopes(dpre, tuple(dinitial))


def _matrices(w_h: Float[Array, "H RH"]) -> Float[Array, "units R H"]:
    """One a slot. Their rows are as many as the units of a padded state."""
    H = len(w_h)
    return _apart(pad(w_h, (power_of_two_units(H), w_h.shape[1])), H)


def _apart(array: Float[Array, "... SH"], H: int) -> Float[Array, "... S H"]:
    return array.reshape(*array.shape[:-1], -1, H)


def _joined(array: Float[Array, "... S H"]) -> Float[Array, "... SH"]:
    return jax.lax.collapse(array, array.ndim - 2)
