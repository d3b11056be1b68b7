"""A case made concrete: its program compiled, with the means to check it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from time import perf_counter
from typing import Any

import jax
import numpy as np
from jaxtyping import Float, PyTree

import kernels
from bench import inputs
from bench.plan import Case
from bench.tolerance import deviation
from reference import oracle


@dataclass(frozen=True, eq=False)
class Compiled:
    """A compiled program with its arguments, and what compiling it took."""

    program: Callable[..., PyTree]
    arguments: tuple[Any, ...]
    lower_s: float
    compile_s: float
    temporary_bytes: int | None

    def __call__(self) -> PyTree:
        """Run once and wait for the result: JAX returns before the work is done."""
        return jax.block_until_ready(self.program(*self.arguments))


def compile_case(case: Case) -> Compiled:
    """Lower and compile the case's program, each timed."""
    program, arguments = _program(case)
    start = perf_counter()
    lowered = jax.jit(program).lower(*arguments)
    lowered_at = perf_counter()
    compiled = lowered.compile()
    compiled_at = perf_counter()
    memory = compiled.memory_analysis()
    return Compiled(
        compiled,
        arguments,
        lower_s=lowered_at - start,
        compile_s=compiled_at - lowered_at,
        temporary_bytes=memory.temp_size_in_bytes if memory else None,
    )


def _program(case: Case) -> tuple[Callable[..., PyTree], tuple[Any, ...]]:
    made = inputs.make(case.workload, case.dtype)
    options = {"activation": case.activation, "kernel": case.kernel}
    if case.scope == "recurrence":
        return partial(kernels.recurrence, **options), (made.z, made.params.w_hh, made.h0)
    return partial(kernels.rnn, **options), (made.params, made.x, made.h0)


def error(case: Case, outputs: PyTree) -> float:
    """The largest deviation of any output from the float64 oracle's."""
    got, want = jax.tree.leaves(outputs), jax.tree.leaves(_expected(case.group))
    return max(map(deviation, got, want))


@lru_cache(maxsize=2)
def _expected(group: Case) -> PyTree[Float[np.ndarray, "..."]]:
    made = inputs.make(group.workload, group.dtype)
    if group.scope == "recurrence":
        h = oracle.recurrence(made.z, made.params.w_hh, made.h0, activation=group.activation)
        inputs.check_alive(h, group.activation)
        return h
    h, y = oracle.forward(made.params, made.x, made.h0, activation=group.activation)
    inputs.check_alive(h, group.activation)
    return y, h[-1]
