"""Version 1 of `kernels.face`, of revisions that knew no cell but Elman's, in the shape of 2."""

from collections.abc import Callable, Mapping
from typing import Protocol, runtime_checkable

CELLS = ("relu", "tanh")


@runtime_checkable
class FaceOne(Protocol):
    """What a revision of that time offers: its `kernels.face`, or what stands in for one."""

    def names(self) -> tuple[str, ...]:
        """Every kernel."""

    def why_not(self, name: str, **problem: object) -> str | None:
        """Why the kernel cannot run it, or None."""

    def emulated(self, name: str) -> str | None:
        """Why timing it would mean nothing, or None."""

    def functions(self, name: str, *, activation: str, precision: str) -> Mapping[str, Callable]:
        """`recurrence` of (z, w_hh, h0) gives h, `rnn` of (params, x, h0) y and the last state."""


class FirstFace:
    """Arguments and results put into other tuples, which costs nothing once it is compiled."""

    def __init__(self, face: FaceOne):
        self._face, self.names, self.emulated = face, face.names, face.emulated

    def why_not(self, name: str, *, cell: str, **problem: object) -> str | None:
        """Why the kernel cannot run such a problem here, or None: it can, and is prepared."""
        if cell not in CELLS:
            return f"there is no cell {cell!r} yet"
        return self._face.why_not(name, activation=cell, **problem)

    def functions(self, name: str, *, cell: str, precision: str) -> Mapping[str, Callable]:
        """As in version 2."""
        old = self._face.functions(name, activation=cell, precision=precision)

        def recurrence(pre, w_h, b_h, state):
            h = old["recurrence"](pre, w_h, *state)
            return h, (h[-1],)

        def rnn(params, x, state):
            ((weights, _),), readout = params
            y, last = old["rnn"]((*weights, *readout), x, *state)
            return y, (last,)

        return {"recurrence": recurrence, "rnn": rnn}
