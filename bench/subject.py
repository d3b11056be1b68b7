"""A case made concrete: its program compiled, with the means to check it."""

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

import jax
from jaxtyping import PyTree

from bench.plan import Case
from bench.programs import Program, program
from bench.tolerance import deviation


@dataclass(frozen=True, eq=False)
class Subject:
    """A compiled program, and what compiling it took."""

    program: Program
    compiled: Callable[..., PyTree]
    lower_s: float
    compile_s: float
    temporary_bytes: int | None

    def __call__(self) -> PyTree:
        """Run once and wait for the result: JAX returns before the work is done."""
        return jax.block_until_ready(self.compiled(*self.program.arguments))

    def error(self, outputs: PyTree) -> float:
        """The largest deviation of any output from what it must be."""
        return max(deviation(got, want, unit) for got, want, unit in self.program.pairs(outputs))


def compile_case(case: Case) -> Subject:
    """Lower and compile the case's program, each timed."""
    made = program(case)
    start = perf_counter()
    lowered = jax.jit(made.run).lower(*made.arguments)
    lowered_at = perf_counter()
    compiled = lowered.compile()
    compiled_at = perf_counter()
    memory = compiled.memory_analysis()
    return Subject(
        made,
        compiled,
        lower_s=lowered_at - start,
        compile_s=compiled_at - lowered_at,
        temporary_bytes=memory.temp_size_in_bytes if memory else None,
    )
