"""The recurrent network as `lax.scan`.

H_t = cell(X_t W_x + b, H_{t-1} W_h),  O_t = H_t W + b. For relu that is the mission's
H_t = relu(X_t W_xh + H_{t-1} W_hh + b_h),  O_t = H_t W_ho + b_o.
"""

from functools import partial
from typing import no_type_check

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from reference.cells import CELLS, Cell, State
from reference.params import Params, Weights


def dot(a: Float[Array, "... K"], b: Float[Array, "K N"]) -> Float[Array, "... N"]:
    """Multiply in full precision, accumulating in float32 (float64 for float64 operands)."""
    accumulator = jnp.promote_types(a.dtype, jnp.float32)
    return jnp.dot(a, b, precision="highest", preferred_element_type=accumulator)


def step(cell: Cell, weights: Weights, before: State, x: Float[Array, "B I"]) -> State:
    """One step: from H_{t-1} and what is carried beside it to the same of t."""
    H = len(weights.w_h)
    b_x, b_h = jnp.split(weights.b.reshape(-1), [cell.from_x * H])
    from_x = jnp.split(dot(x, weights.w_x) + b_x, cell.from_x, axis=1)
    from_h = jnp.split(dot(before[0], weights.w_h), cell.from_h, axis=1)
    return cell.advance(from_x, from_h, b_h.reshape(cell.own, H), before)[0]


# It checks dtypes itself, in words a user reads; the checks that jaxtyping adds in tests would only
# get in first.
@partial(jax.jit, static_argnames=("cell", "states"))
@no_type_check
def rnn(
    params: Params,
    x: Float[Array, "T B I"],
    initial: Float[Array, "B H"] | State | None = None,
    *,
    cell: str = "relu",
    states: str = "last",
) -> tuple[Float[Array, "T B O"], Float[Array, "..."] | State]:
    """Outputs of every step, and the `"last"` (B, H) or `"all"` (T, B, H) states of one layer.

    A state is h; for a cell that carries more beside it, a tuple that begins with h. Without
    `initial` it starts at zero. All arrays share one floating dtype.

    Raises TypeError for an array of another kind.
    """
    for path, array in jax.tree.leaves_with_path({"x": x, "initial": initial, "params": params}):
        if not jnp.issubdtype(array.dtype, jnp.floating):
            name = jax.tree_util.keystr(path, simple=True, separator=".")
            raise TypeError(f"{name} has dtype {array.dtype}; expected a floating dtype")
    kind, weights = CELLS[cell], params.layers[0].forward
    one_step = partial(step, kind, weights)
    if initial is None:
        zeros = (jnp.zeros((x.shape[1], len(weights.w_h)), x.dtype),) * len(kind.states)
        before = jax.tree.map(jnp.zeros_like, one_step(zeros, x.sum(0)))  # divided as a state is
    else:
        before = initial if kind.carried else (initial,)
    last, every = jax.lax.scan(lambda *now: (one_step(*now),) * 2, before, x)
    y = every[0]
    if params.readout is not None:
        y = (dot(y, params.readout.w) + params.readout.b).astype(x.dtype)
    chosen = {"last": last, "all": every}[states]
    return y, chosen if kind.carried else chosen[0]
