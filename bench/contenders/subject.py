"""A case made runnable: a call that waits for its result, with the means to check it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
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
    judged: dict[str, float] = field(default_factory=dict)  # errors, by the outputs' digest

    def error(self, outputs: PyTree) -> float:
        """The largest deviation of any output from what it must be.

        Outputs equal to some judged before deviate as much: the oracle, which may take a hundred
        times as long as the call, does not run again.
        """
        digest = _digest(outputs)
        if digest in self.judged:
            return self.judged[digest]
        error = max(deviation(got, want, unit) for got, want, unit in self.pairs(outputs))
        if digest:
            self.judged[digest] = error
        return error


def _digest(outputs: PyTree) -> str:
    """Of all that the arrays hold; "" if an output is no array but a library's."""
    digest, leaves = sha256(), jax.tree.leaves(outputs)
    if not all(isinstance(leaf, jax.Array | np.ndarray) for leaf in leaves):
        return ""
    for leaf in map(np.asarray, leaves):
        digest.update(f"{leaf.shape} {leaf.dtype}".encode())
        digest.update(np.ascontiguousarray(leaf).tobytes())
    return digest.hexdigest()


def compiled(program: Program, variant: str = "", name: str = "run") -> Subject:
    """Lower and compile a program, each timed.

    Programs of one name share an entry of JAX's compilation cache, if they are the same.
    """

    def run(*arguments):
        return program.run(*arguments)

    run.__name__ = name
    start = perf_counter()
    lowered = jax.jit(run).lower(*program.arguments)
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
