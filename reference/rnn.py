"""The recurrent network as `lax.scan`.

H_t = cell(X_t W_x + b, H_{t-1} W_h),  O_t = H_t W + b. For relu that is the mission's
H_t = relu(X_t W_xh + H_{t-1} W_hh + b_h),  O_t = H_t W_ho + b_o.
"""

from functools import partial
from typing import Any, no_type_check

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from reference.cells import CELLS, Cell, State
from reference.params import Layer, Params, Weights, gathered, spread


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


def direction(
    cell: Cell,
    weights: Weights,
    x: Float[Array, "T B I"],
    inside: Bool[Array, "T B"],
    before: Any,
    *,
    reverse: bool,
) -> tuple[tuple[Float[Array, "T B H"], ...], tuple[Float[Array, "B H"], ...]]:
    """The state after every step, and the last one; outside of its sequence a row's state stays."""
    if before is None:
        zeros = (jnp.zeros((x.shape[1], len(weights.w_h)), x.dtype),) * len(cell.states)
        one = step(cell, weights, zeros, x.sum(0))
        before = jax.tree.map(jnp.zeros_like, one)  # divided over devices as a state is
    elif not cell.carried:
        before = (before,)

    def advance(before, now):
        x_t, inside_t = now
        start = tuple(jnp.where(inside_t[:, None], each, 0) for each in before)
        pairs = zip(step(cell, weights, start, x_t), before, strict=True)
        after = tuple(jnp.where(inside_t[:, None], new, old) for new, old in pairs)
        return after, after

    last, every = jax.lax.scan(advance, before, (x, inside), reverse=reverse)
    return every, last


# It checks dtypes itself, in words a user reads; the checks that jaxtyping adds in tests would only
# get in first.
@partial(jax.jit, static_argnames=("cell", "states"))
@no_type_check
def rnn(
    params: Params,
    x: Float[Array, "T B I"],
    state: Float[Array, "B H"] | State | tuple[Layer, ...] | None = None,
    *,
    lengths: Int[Array, "B"] | None = None,
    cell: str = "relu",
    states: str = "last",
) -> tuple[Float[Array, "T B O"], Float[Array, "..."] | State | tuple[Layer, ...]]:
    """Outputs of every step, and the `"last"` (B, H) or `"all"` (T, B, H) states.

    A state is h; for a cell that carries more beside it, a tuple that begins with h; for several
    layers or directions, a `Layer` of these for each of the params'. Without `state` it is zero at
    first. With `lengths` outputs behind a sequence's end are 0, its last state is the one at its
    end, and the reverse direction begins there. All arrays but lengths share one floating dtype.

    Raises TypeError for an array of another kind.
    """
    for path, array in jax.tree.leaves_with_path({"x": x, "state": state, "params": params}):
        if not jnp.issubdtype(array.dtype, jnp.floating):
            name = jax.tree_util.keystr(path, simple=True, separator=".")
            raise TypeError(f"{name} has dtype {array.dtype}; expected a floating dtype")
    kind, ends = CELLS[cell], len(x) if lengths is None else lengths
    inside = jnp.broadcast_to(jnp.arange(len(x))[:, None] < ends, x.shape[:2])
    y, found = x, []
    for layer, befores in zip(params.layers, spread(params, state), strict=True):
        y = jnp.where(inside[..., None], y, 0)
        ways = [
            weights and direction(kind, weights, y, inside, before, reverse=way == 1)
            for way, (weights, before) in enumerate(zip(layer, befores, strict=True))
        ]
        y = jnp.concatenate([every[0] for every, _ in filter(None, ways)], axis=2)
        chosen = [way and way[states == "last"] for way in ways]
        found.append(Layer(*(each and (each if kind.carried else each[0]) for each in chosen)))
    if params.readout is not None:
        y = (dot(y, params.readout.w) + params.readout.b).astype(x.dtype)
    return jnp.where(inside[..., None], y, 0), gathered(params, tuple(found))
