"""Kernels that have the Elman cells alone, as the contract has a kernel.

With one slot and nothing carried beside h their halves are simpler: all states from the
pre-activations, and the derivative of every pre-activation from those of the states.
"""

from collections.abc import Callable

from jaxtyping import Array, Float

from kernels.common.numerics import dot
from kernels.common.opaque import opaque
from kernels.contract import Backward, Forward, Problem, Recurrent, Run, Slopes, State, Steps

CELLS = ("relu", "tanh")
AllStates = Callable[..., Float[Array, "T B H"]]  # h of (run, pre, w_h, initial)
AllSlopes = Callable[..., Float[Array, "T B H"]]  # dpre of (run, dh, h, w_h)


def unsupported(problem: Problem) -> str | None:
    """Why such a kernel cannot run this problem, whatever its size, or None."""
    if problem.cell in CELLS:
        return None
    return f"has Elman cells only: {', '.join(CELLS)}; the cell is {problem.cell!r}"


def forward(states: AllStates) -> Forward:
    """`kernels.contract.Forward` of this half."""

    def half(
        run: Run,
        pre: Float[Array, "T B H"],
        weights: Recurrent,
        initial: State,
        lengths: None,
        *,
        keep: bool,
    ) -> Steps:
        """As the contract has it; nothing is saved, for the states are enough."""

        @opaque("t b h, h k, b h -> t b k")
        def call(*arrays):
            return (states(run, *arrays),)

        (h,) = call(pre, weights.w_h, *initial)
        return Steps(h, (h[-1],))

    return half


def backward(slopes: AllSlopes) -> Backward:
    """`kernels.contract.Backward` of this half."""

    def half(
        run: Run,
        dh: Float[Array, "T B H"],
        dlast: State,
        steps: Steps,
        weights: Recurrent,
        initial: State,
        lengths: None,
    ) -> Slopes:
        """As the contract has it; what flows into the last state is added to the last h's."""

        @opaque("t b k, t b k, h k -> t b h")
        def call(*arrays):
            return (slopes(run, *arrays),)

        (dpre,) = call(dh.at[-1].add(dlast[0]), steps.h, weights.w_h)
        dinitial = dot(dpre[0], weights.w_h.T, run.precision)
        return Slopes(dpre, (dinitial.astype(dh.dtype),))

    return half
