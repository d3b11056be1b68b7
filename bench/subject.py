"""A case made runnable: a call that waits for its result, with the means to check it."""

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

import jax
from jaxtyping import PyTree

from bench.programs import Pairs, Program
from bench.tolerance import deviation

Samples = tuple[float, ...]  # seconds a call


@dataclass(frozen=True, eq=False)
class Subject:
    """What is timed, and what making it took."""

    call: Callable[[], PyTree]
    pairs: Callable[[PyTree], Pairs]
    lower_s: float | None = None
    compile_s: float | None = None
    temporary_bytes: int | None = None
    # Times the call elsewhere, for about so many seconds: samples, and the last call's outputs.
    sample: Callable[[float], tuple[Samples, PyTree]] | None = None
    variant: str = ""  # which of several, where the best of them is shown

    def error(self, outputs: PyTree) -> float:
        """The largest deviation of any output from what it must be."""
        return max(deviation(got, want, unit) for got, want, unit in self.pairs(outputs))


def compiled(made: Program, variant: str = "") -> Subject:
    """Lower and compile a program, each timed."""
    start = perf_counter()
    lowered = jax.jit(made.run).lower(*made.arguments)
    lowered_at = perf_counter()
    executable = lowered.compile()
    compiled_at = perf_counter()
    memory = executable.memory_analysis()
    return Subject(
        # JAX returns before the work is done.
        call=lambda: jax.block_until_ready(executable(*made.arguments)),
        pairs=made.pairs,
        lower_s=lowered_at - start,
        compile_s=compiled_at - lowered_at,
        temporary_bytes=memory.temp_size_in_bytes if memory else None,
        variant=variant,
    )
