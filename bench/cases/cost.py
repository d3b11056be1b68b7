"""How much arithmetic and memory traffic a pass needs at least: pure functions of the shape.

XLA's own `cost_analysis` counts the body of a loop once, whatever its length, so it serves only as
the test of this model, on a fully unrolled program.
"""

from dataclasses import dataclass

from bench.cases.workloads import Workload


@dataclass(frozen=True)
class Cost:
    """Floating-point operations, and bytes if every array crosses memory once."""

    flops: int
    bytes: int

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.flops + other.flops, self.bytes + other.bytes)


def _product(rows: int, terms: int, columns: int, itemsize: int) -> Cost:
    """rows x terms times terms x columns."""
    moved = rows * terms + terms * columns + rows * columns
    return Cost(2 * rows * terms * columns, itemsize * moved)


def _dense(rows: int, inputs: int, outputs: int, itemsize: int) -> Cost:
    """rows x inputs times inputs x outputs, plus a bias."""
    bias = Cost(rows * outputs, itemsize * outputs)
    return _product(rows, inputs, outputs, itemsize) + bias


def _recurrence(w: Workload, itemsize: int) -> Cost:
    """T dependent steps: a product, the addition of z_t and the activation. z in, h out."""
    flops = w.T * w.B * w.H * (2 * w.H + 2)
    return Cost(flops, itemsize * (2 * w.T * w.B * w.H + w.H * w.H + w.B * w.H))


def _model(w: Workload, itemsize: int) -> Cost:
    """Both projections and the recurrence; z and h pass between them through memory."""
    rows = w.T * w.B
    projections = _dense(rows, w.I, w.H, itemsize) + _dense(rows, w.H, w.O, itemsize)
    return projections + _recurrence(w, itemsize)


def _bptt(w: Workload, itemsize: int) -> Cost:
    """dz by T dependent steps from dh and h, then dW_hh by one product over all rows."""
    rows = w.T * w.B
    steps = Cost(rows * w.H * (2 * w.H + 2), itemsize * (3 * rows * w.H + w.H * w.H))
    return steps + _product(w.H, rows, w.H, itemsize)


def _recurrence_backward(w: Workload, itemsize: int) -> Cost:
    """Gradients of z, W_hh and h0."""
    return _bptt(w, itemsize) + _product(w.B, w.H, w.H, itemsize)


def _model_backward(w: Workload, itemsize: int) -> Cost:
    """Gradients of all parameters, none of x: dh = dy W_ho^T, BPTT, then one product a weight."""
    rows = w.T * w.B
    dh, dw_ho = _product(rows, w.O, w.H, itemsize), _product(w.H, rows, w.O, itemsize)
    biases = Cost(rows * (w.H + w.O), itemsize * (w.H + w.O))
    return dh + dw_ho + _bptt(w, itemsize) + _product(w.I, rows, w.H, itemsize) + biases


_FORWARD = {"recurrence": _recurrence, "model": _model}
_BACKWARD = {"recurrence": _recurrence_backward, "model": _model_backward}


def cost(workload: Workload, scope: str, phase: str, itemsize: int) -> Cost:
    """The least that a pass costs; train is forward and backward, its loss not counted."""
    total = Cost(0, 0)
    if phase != "backward":
        total += _FORWARD[scope](workload, itemsize)
    if phase != "forward":
        total += _BACKWARD[scope](workload, itemsize)
    return total


def compulsory_bytes(workload: Workload, scope: str, phase: str, itemsize: int) -> int:
    """What every implementation moves: arguments and results of `bench.cases.programs`, once each.

    `cost` counts what passes between the parts of a pass as well, which fusing them saves.
    """
    return itemsize * _COMPULSORY[scope, phase](workload)


def _states(w: Workload) -> int:
    return w.T * w.B * w.H


def _parameters(w: Workload) -> int:
    return w.I * w.H + w.H * w.H + w.H + w.H * w.O + w.O


# Elements. Forward: arguments, then results. Backward: h, or x where h can be computed again, and
# cotangents, then gradients. Train: arguments with targets, results, gradients.
_COMPULSORY = {
    ("recurrence", "forward"): lambda w: 2 * _states(w) + w.H * w.H + w.B * w.H,
    ("recurrence", "backward"): lambda w: 3 * _states(w) + 2 * (w.H * w.H + w.B * w.H),
    ("recurrence", "train"): lambda w: 4 * _states(w) + 2 * (w.H * w.H + w.B * w.H),
    ("model", "forward"): lambda w: w.T * w.B * (w.I + w.O) + _parameters(w) + 2 * w.B * w.H,
    ("model", "backward"): lambda w: (
        w.T * w.B * (w.I + w.O) + 2 * _parameters(w) - w.I * w.H - w.H - w.O + 2 * w.B * w.H
    ),
    ("model", "train"): lambda w: w.T * w.B * (w.I + 2 * w.O) + 2 * _parameters(w) + 3 * w.B * w.H,
}


@dataclass(frozen=True)
class Memory:
    """Bytes at a case's peak: of the check in NumPy, and of the program with its arguments.

    On a CPU both are the machine's.
    """

    host: int
    device: int


def memory(workload: Workload, phase: str, itemsize: int) -> Memory:
    """What checking and timing one case takes at most, by the number of arrays alive at once.

    The numbers of arrays are rounded up from peaks of resident memory on a CPU, the largest of
    which are the baseline's, whose variants are all there at once: for a backward pass each keeps
    states of its own. Weights count for the factorization that makes W_hh orthogonal.
    """
    w, forward = workload, phase == "forward"
    rows, accumulator = w.T * w.B, max(itemsize, 4)
    states, ends, weights = rows * w.H, rows * (w.I + w.O), _parameters(w)
    host = 8 * ((11 if forward else 13) * states + 4 * ends + 8 * weights)
    arguments = itemsize * (4 * states + 2 * ends + 2 * weights)
    return Memory(host, arguments + accumulator * (2 if forward else 10) * states)


SLOW_STEP_S = 20e-6  # of one step in NumPy, whatever its size


def checked_flops(workload: Workload, scope: str, phase: str) -> int:
    """Of one call, of the oracle, which computes as much, and of drawing an orthogonal W_hh."""
    orthogonal = 8 * workload.H**3 // 3  # QR, then Q (Golub & Van Loan, "Matrix Computations", 5.2)
    return 2 * cost(workload, scope, phase, itemsize=1).flops + orthogonal


def checked_steps(workload: Workload, phase: str) -> int:
    """Dependent steps of the oracle, one after the other in NumPy."""
    return workload.T * (1 if phase == "forward" else 2)
