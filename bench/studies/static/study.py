"""The rows of the study: every kernel, both halves, at the sizes that tell kernels apart."""

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import jax
import jax.numpy as jnp

from bench.studies.static import by_triton, by_xla, cubin
from kernels.contract import Problem, Recurrent, Run
from kernels.registry import KERNELS, why_not
from reference import CELLS
from reference.cells import Cell

HALVES = ("forward", "backward")
BY_XLA = ("scan", "scan-autodiff", "unrolled", "unrolled-full")  # not ours to keep from spilling
FIRST = Problem(100, 50, 256, jnp.dtype("bfloat16"), "relu", "full", "gpu")
OTHERS = (
    Problem(100, 50, 256, jnp.dtype("bfloat16"), "tanh", "full", "gpu"),
    Problem(100, 50, 256, jnp.dtype("float16"), "tanh", "full", "gpu"),
    Problem(100, 50, 64, jnp.dtype("bfloat16"), "relu", "full", "gpu"),
    Problem(100, 50, 200, jnp.dtype("bfloat16"), "relu", "full", "gpu"),
    Problem(100, 50, 128, jnp.dtype("float32"), "relu", "tf32", "gpu"),
    Problem(100, 50, 64, jnp.dtype("float32"), "tanh", "full", "gpu"),
    # The largest that a kernel takes of a cell with gates.
    Problem(100, 50, 128, jnp.dtype("bfloat16"), "gru", "full", "gpu"),
    Problem(100, 50, 128, jnp.dtype("bfloat16"), "lstm", "full", "gpu"),
    Problem(100, 50, 128, jnp.dtype("float32"), "gru", "tf32", "gpu"),
)


@dataclass(frozen=True)
class Row:
    """One half of one kernel at one problem; for a program of several functions their extremes.

    `sass` counts instructions over all functions, `launches` kernels and copies a call, a loop's
    as often as it runs. Where the kernel does not compile, `error` says why and the rest is empty.
    """

    kernel: str
    half: str
    problem: str
    functions: int = 0
    registers: int = 0
    spill_bytes: int = 0
    shared_bytes: int = 0
    sass: dict[str, int] | None = None
    launches: int = 0
    launches_per_step: float = 0.0
    compile_s: float = 0.0
    error: str = ""

    @property
    def over_the_limit(self) -> bool:
        """Whether it is our own kernel and spills, needs more than an SM has, or fails."""
        too_much = self.spill_bytes > 0 or self.shared_bytes > cubin.SHARED_LIMIT
        return self.kernel not in BY_XLA and (too_much or bool(self.error))


def left_out() -> dict[str, str]:
    """The kernels that do not run on a GPU, and why not."""
    reasons = {name: kernel.unavailable("gpu") for name, kernel in KERNELS.items()}
    return {name: reason for name, reason in reasons.items() if reason}


def cases() -> Iterator[tuple[str, str, Problem]]:
    """Kernel, half and problem of each row: XLA's own at the first problem only."""
    for name, kernel in KERNELS.items():
        problems = (FIRST,) if name in BY_XLA else (FIRST, *OTHERS, *_choices(name))
        supported = [problem for problem in problems if why_not(name, problem) is None]
        halves = [half for half in HALVES if getattr(kernel, half)]
        yield from ((name, half, problem) for problem in supported for half in halves)


def row(kernel: str, half: str, problem: Problem) -> Row:
    """Compile one case. Raises by_xla.Unavailable where no case can be compiled."""
    name = describe(problem)
    try:
        program = _program(kernel, half, problem)
    except by_xla.Unavailable:
        raise
    except Exception as error:  # a compiler's complaint is a result: the row says it
        return Row(kernel, half, name, error=f"{type(error).__name__}: {error}".splitlines()[0])
    return Row(
        kernel,
        half,
        name,
        functions=len(program.functions),
        registers=max(usage.registers for usage in program.functions),
        spill_bytes=max(usage.spill_bytes for usage in program.functions),
        shared_bytes=max(usage.shared_bytes for usage in program.functions),
        sass=_counted(program.functions),
        launches=program.launches,
        launches_per_step=program.launches / problem.T,
        compile_s=program.compile_s,
    )


def describe(problem: Problem) -> str:
    """`bfloat16 T 100 B 50 H 256 relu`, with the precision where it is not full."""
    p = problem
    precision = "" if p.precision == "full" else f" {p.precision}"
    return f"{p.dtype.name}{precision} T {p.T} B {p.B} H {p.H} {p.cell}"


def _choices(name: str) -> Iterator[Problem]:
    """A problem for each configuration that the kernel can choose, if its package lists them."""
    package = f"kernels.{name}"
    listed = getattr(import_module(package), "choices", None) if find_spec(package) else None
    return listed() if listed else iter(())


def _program(kernel: str, half: str, problem: Problem) -> by_xla.Program:
    return _with_triton(half, problem) if kernel == "triton" else _with_xla(kernel, half, problem)


def _with_triton(half: str, problem: Problem) -> by_xla.Program:
    start = time.perf_counter()
    usage = by_triton.compile_half(half, problem.dtype.name, problem.H, problem.cell)
    return by_xla.Program((usage,), 1, time.perf_counter() - start)


def _with_xla(kernel: str, half: str, problem: Problem) -> by_xla.Program:
    one, run = KERNELS[kernel], Run(CELLS[problem.cell], problem.precision)
    forward = partial(one.forward, run, keep=True)
    operands = _operands(run.cell, problem)
    if half == "forward":
        return by_xla.compile_program(forward, operands)
    _, weights, initial, _ = operands
    steps = jax.eval_shape(forward, *operands)
    backward = partial(one.backward, run)
    return by_xla.compile_program(backward, (steps.h, initial, steps, weights, initial, None))


def _operands(cell: Cell, problem: Problem) -> tuple[Any, Recurrent, Any, None]:
    """Pre-activations, weights and state of the forward half, as shapes; no lengths."""
    T, B, H = problem.T, problem.B, problem.H

    def array(*shape):
        return jax.ShapeDtypeStruct(shape, problem.dtype)

    weights = Recurrent(array(H, cell.from_h * H), array(cell.own * H))
    return array(T, B, cell.from_x * H), weights, (array(B, H),) * len(cell.states), None


def _counted(functions: tuple[cubin.Usage, ...]) -> dict[str, int]:
    total = Counter()
    for usage in functions:
        total.update(usage.count(cubin.MATRIX + cubin.BARRIERS))
    return dict(total)
