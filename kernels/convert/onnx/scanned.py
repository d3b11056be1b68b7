"""Cells of ONNX that no kernel has, by `lax.scan`: lengths and reverse as with `kernels.rnn`."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from kernels.common.sequences import inside
from kernels.contract import Kernel
from reference import Weights
from reference.cells import State
from reference.rnn import dot

Step = Callable[[Float[Array, "B X"], Any, Any, State], State]


def refuse_others(kernel: str | Kernel, what: str) -> None:
    """Raises ValueError for any kernel that is not a scan."""
    if kernel not in ("auto", "scan"):
        whose = f"kernel {kernel!r}" if isinstance(kernel, str) else "this kernel"
        raise ValueError(f"{whose} has no {what}; expected 'auto' or 'scan'")


def direction(
    step: Step,
    weights: Weights,
    extra: Float[Array, "P"],
    x: Float[Array, "T B I"],
    initial: tuple[Float[Array, "B H"] | None, ...],
    lengths: Int[Array, "B"],
    *,
    reverse: bool,
) -> tuple[Float[Array, "T B H"], State]:
    """All h, 0 in the padding, and the state at each sequence's end.

    `step(pre, w_h, extra, state)` is one of `reference.variants`. An initial state of None is zero.
    """
    w_x, w_h, b = weights
    within = inside(lengths, len(x))
    # What lies in the padding, NaN too, reaches nothing.
    pre = dot(jnp.where(within[..., None], x, 0), w_x) + b[: w_x.shape[1]]
    # Zeros that are divided over devices as the input is.
    zeros = jnp.zeros_like(pre.sum(0)[:, : len(w_h)], dtype=x.dtype)
    start = tuple(zeros if each is None else each for each in initial)

    def advance(before: State, now: Any) -> tuple[State, Array]:
        """A row's state stays, outside of its sequence."""
        pre_t, within_t = now
        after = step(pre_t, w_h, extra, before)
        kept = tuple(
            jnp.where(within_t[:, None], new, old) for new, old in zip(after, before, strict=True)
        )
        return kept, jnp.where(within_t[:, None], kept[0], 0)

    last, h = jax.lax.scan(advance, start, (pre, within), reverse=reverse)
    return h, last
