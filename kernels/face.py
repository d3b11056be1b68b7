"""What the regression gate calls, in this revision and in every other one that it compares.

A later gate times these kernels through this module alone, so the functions keep their meaning;
a change of their meaning counts VERSION up, and `bench.workers.revision` then knows both.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp

from kernels.api import recurrence, rnn
from kernels.contract import Kernel, Problem, current_platform
from kernels.model.prepared import Prepared
from kernels.registry import KERNELS
from kernels.registry import why_not as _why_not
from reference import CELLS, Params, stands_alone

VERSION = 3


def names() -> tuple[str, ...]:
    """Every kernel."""
    return tuple(KERNELS)


def why_not(
    name: str, *, T: int, B: int, H: int, dtype: str, cell: str, precision: str
) -> str | None:
    """Why the kernel cannot run such a problem here, or None: it can, and is prepared."""
    if cell not in CELLS:
        return f"there is no cell {cell!r} yet"
    problem = Problem(T, B, H, jnp.dtype(dtype), cell, precision, current_platform())
    return _why_not(name, problem)


def emulated(name: str) -> str | None:
    """Why timing it here would mean nothing, or None."""
    return KERNELS[name].emulated(current_platform())


def functions(kernel: str | Kernel, *, cell: str, precision: str) -> Mapping[str, Callable]:
    """`recurrence` of (pre, w_h, b_h, state), `rnn` of (params, x, state, lengths or nothing).

    Both are differentiable; the one gives (h, state), the other (y, state). Params is
    ((((w_x, w_h, b), None),), (w, b)), in any tuples: a pair for every layer, of the weights in
    each direction. A state is a tuple that begins with h; of several layers or directions, a tuple
    of such a pair of states for each layer. What `kernels.prepare` gives will do for params.
    """
    options = {"kernel": kernel, "cell": cell, "precision": precision}
    alone = not CELLS[cell].carried

    def given(state):
        return state[0] if alone else state

    def returned(state):
        return (state,) if alone else state

    def run_recurrence(pre, w_h, b_h, state):
        h, last = recurrence(pre, w_h, given(state), b_h=b_h, **options)
        return h, returned(last)

    def run_rnn(params, x, state, lengths=None):
        params = params if isinstance(params, Prepared) else Params(*params)
        like = params.like if isinstance(params, Prepared) else params
        y, last = rnn(params, x, _each(like, given, state), lengths=lengths, **options)
        return y, _each(like, returned, last)

    return {"recurrence": run_recurrence, "rnn": run_rnn}


def _each(params: Params, change: Callable[[Any], Any], states: Any) -> Any:
    """Every direction's state changed, in plain tuples: another revision's are not ours."""
    if stands_alone(params):
        return change(states)
    return tuple(
        tuple(None if state is None else change(state) for state in layer) for layer in states
    )
