"""How much arithmetic and memory traffic a pass needs at least: pure functions of the shape.

XLA's own `cost_analysis` counts the body of a loop once, whatever its length, so it serves only as
the test of this model, on a fully unrolled program.
"""

from dataclasses import dataclass

from bench.workloads import Workload


@dataclass(frozen=True)
class Cost:
    """Floating-point operations, and bytes if every array crosses memory once."""

    flops: int
    bytes: int

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.flops + other.flops, self.bytes + other.bytes)


def dense(rows: int, inputs: int, outputs: int, itemsize: int) -> Cost:
    """rows x inputs times inputs x outputs, plus a bias."""
    flops = rows * outputs * (2 * inputs + 1)
    return Cost(flops, itemsize * (rows * inputs + (inputs + 1) * outputs + rows * outputs))


def recurrence(w: Workload, itemsize: int) -> Cost:
    """T dependent steps: a product, the addition of z_t and the activation. z in, h out."""
    flops = w.T * w.B * w.H * (2 * w.H + 2)
    return Cost(flops, itemsize * (2 * w.T * w.B * w.H + w.H * w.H + w.B * w.H))


def model(w: Workload, itemsize: int) -> Cost:
    """Both projections and the recurrence; z and h pass between them through memory."""
    rows = w.T * w.B
    projections = dense(rows, w.I, w.H, itemsize) + dense(rows, w.H, w.O, itemsize)
    return projections + recurrence(w, itemsize)


FORWARD = {"recurrence": recurrence, "model": model}
