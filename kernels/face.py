"""What the regression gate calls, in this revision and in every other one that it compares.

A later gate times these kernels through this module alone, so the functions keep their meaning;
a change of their meaning counts VERSION up, and `bench.workers.revision` then knows both.
"""

from collections.abc import Callable, Mapping
from functools import partial

import jax.numpy as jnp

from kernels.api import recurrence, rnn
from kernels.contract import Problem, current_platform
from kernels.registry import KERNELS
from kernels.registry import why_not as _why_not

VERSION = 1


def names() -> tuple[str, ...]:
    """Every kernel."""
    return tuple(KERNELS)


def why_not(
    name: str, *, T: int, B: int, H: int, dtype: str, activation: str, precision: str
) -> str | None:
    """Why the kernel cannot run such a problem here, or None: it can, and is prepared."""
    problem = Problem(T, B, H, jnp.dtype(dtype), activation, precision, current_platform())
    return _why_not(name, problem)


def emulated(name: str) -> str | None:
    """Why timing it here would mean nothing, or None."""
    return KERNELS[name].emulated(current_platform())


def functions(name: str, *, activation: str, precision: str) -> Mapping[str, Callable]:
    """`recurrence` of (z, w_hh, h0) gives h; `rnn` of (params, x, h0) gives y and the last state.

    Both are differentiable; params are w_xh, w_hh, b_h, w_ho, b_o in any tuple.
    """
    options = {"kernel": name, "activation": activation, "precision": precision}
    return {"recurrence": partial(recurrence, **options), "rnn": partial(rnn, **options)}
