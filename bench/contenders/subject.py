"""A case made runnable: a call that waits for its result, with the means to check it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter

import jax
import numpy as np
from jaxtyping import PyTree

from bench.cases.programs import Pairs, Program
from bench.cases.tolerance import deviation

Samples = tuple[float, ...]  # seconds a call


@dataclass(frozen=True, eq=False)
class Subject:
    """What is timed, and what making it took."""

    call: Callable[[], PyTree]
    pairs: Callable[[PyTree], Pairs]
    lower_s: float | None = None
    compile_s: float | None = None
    temporary_bytes: int | None = None
    variant: str = ""  # which of several, where the best of them is shown
    # The arrays judged last, and their error: one pair, or none yet.
    _judged: list[tuple[list[np.ndarray], float]] = field(
        default_factory=list, init=False, repr=False
    )

    def error(self, outputs: PyTree) -> float:
        """The largest deviation of any output from what it must be.

        Arrays equal to those judged last deviate as much: the oracle, which may take a hundred
        times as long as the call, does not run again.
        """
        arrays = _copied(outputs)
        for judged, error in self._judged:
            if arrays and len(arrays) == len(judged) and all(map(np.array_equal, arrays, judged)):
                return error
        error = max(deviation(got, want, unit) for got, want, unit in self.pairs(outputs))
        if arrays:
            self._judged[:] = [(arrays, error)]
        return error


def _copied(outputs: PyTree) -> list[np.ndarray]:
    """Those on which a later call cannot write; none if an output is no array but a library's."""
    leaves = jax.tree.leaves(outputs)
    known = all(isinstance(leaf, jax.Array | np.ndarray) for leaf in leaves)
    return [np.array(leaf) for leaf in leaves] if known else []


def compiled(program: Program, variant: str = "") -> Subject:
    """Lower and compile a program, each timed."""
    start = perf_counter()
    lowered = jax.jit(program.run).lower(*program.arguments)
    lowered_at = perf_counter()
    executable = lowered.compile()
    compiled_at = perf_counter()
    memory = executable.memory_analysis()
    return Subject(
        # JAX returns before the work is done.
        call=lambda: jax.block_until_ready(executable(*program.arguments)),
        pairs=program.pairs,
        lower_s=lowered_at - start,
        compile_s=compiled_at - lowered_at,
        temporary_bytes=memory.temp_size_in_bytes if memory else None,
        variant=variant,
    )
