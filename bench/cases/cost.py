"""How much arithmetic and memory traffic a pass needs at least: pure functions of shape and cell.

XLA's own `cost_analysis` counts the body of a loop once, whatever its length, so it serves only as
the test of this model, on a fully unrolled program.
"""

from dataclasses import dataclass

from bench.cases.operations import operations
from bench.cases.workloads import Workload
from reference.cells import CELLS, Cell

VARIANTS = 6  # of the baseline
SLOW_SLOT_S = 20e-6  # of one slot of a step in NumPy, whatever its size


@dataclass(frozen=True)
class Cost:
    """Floating-point operations, and bytes if every array crosses memory once."""

    flops: int
    bytes: int

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.flops + other.flops, self.bytes + other.bytes)


@dataclass(frozen=True)
class _Size:
    """Numbers in each array of a workload for a cell; `rows` of all steps and sequences."""

    workload: Workload
    cell: Cell

    @property
    def rows(self) -> int:
        return self.workload.T * self.workload.B

    @property
    def h(self) -> int:
        return self.rows * self.workload.H

    @property
    def kept(self) -> int:
        """What a training forward pass leaves beside h."""
        return self.h * (len(self.cell.saved) + len(self.cell.carried))

    @property
    def state(self) -> int:
        return self.workload.B * self.workload.H * len(self.cell.states)

    @property
    def from_x(self) -> int:
        return self.cell.from_x * self.workload.H

    @property
    def from_h(self) -> int:
        return self.cell.from_h * self.workload.H

    @property
    def slots(self) -> int:
        return len(self.cell.slots) * self.workload.H

    @property
    def w_x(self) -> int:
        return self.workload.I * self.from_x

    @property
    def w_h(self) -> int:
        return self.workload.H * self.from_h

    @property
    def b_h(self) -> int:
        return self.slots - self.from_x

    @property
    def parameters(self) -> int:
        readout = self.workload.H * self.workload.O + self.workload.O
        return self.w_x + self.w_h + self.slots + readout


def _product(rows: int, terms: int, columns: int, itemsize: int) -> Cost:
    """rows x terms times terms x columns."""
    moved = rows * terms + terms * columns + rows * columns
    return Cost(2 * rows * terms * columns, itemsize * moved)


def _dense(rows: int, inputs: int, outputs: int, itemsize: int) -> Cost:
    """rows x inputs times inputs x outputs, plus a bias."""
    bias = Cost(rows * outputs, itemsize * outputs)
    return _product(rows, inputs, outputs, itemsize) + bias


def _recurrence(n: _Size, itemsize: int, kept: int) -> Cost:
    """T dependent steps: products, their addition to the slots, the cell. pre in, h out."""
    one = 2 * n.w_h + n.from_h + n.workload.H * operations(n.cell).forward
    moved = n.rows * n.from_x + n.w_h + n.b_h + n.state + n.h + kept
    return Cost(n.rows * one, itemsize * moved)


def _model(n: _Size, itemsize: int, kept: int) -> Cost:
    """Both projections and the recurrence; pre and h pass between them through memory."""
    w = n.workload
    projections = _dense(n.rows, w.I, n.from_x, itemsize) + _dense(n.rows, w.H, w.O, itemsize)
    return projections + _recurrence(n, itemsize, kept)


def _bptt(n: _Size, itemsize: int) -> Cost:
    """dpre by T dependent steps from dh and all that was kept, then dW_h by one product.

    What the first step's dpre is multiplied for is the initial state alone.
    """
    w, moved = n.workload, 2 * n.h + n.kept + n.rows * n.slots + n.w_h
    products = 2 * (w.T - 1) * w.B * n.w_h
    steps = Cost(products + n.h * (1 + operations(n.cell).backward), itemsize * moved)
    return steps + _product(w.H, n.rows, n.from_h, itemsize)


def _recurrence_backward(n: _Size, itemsize: int) -> Cost:
    """Gradients of pre, W_h, its bias and the initial state."""
    bias = Cost(n.rows * n.b_h, itemsize * n.b_h)
    dh = _product(n.workload.B, n.from_h, n.workload.H, itemsize)
    carried = n.state - n.workload.B * n.workload.H
    return _bptt(n, itemsize) + bias + dh + Cost(0, itemsize * carried)


def _model_backward(n: _Size, itemsize: int) -> Cost:
    """Gradients of all parameters, none of x: dh = dy W^T, BPTT, then one product a weight."""
    w = n.workload
    dh, dw = _product(n.rows, w.O, w.H, itemsize), _product(w.H, n.rows, w.O, itemsize)
    biases = Cost(n.rows * (n.slots + w.O), itemsize * (n.slots + w.O))
    return dh + dw + _bptt(n, itemsize) + _product(w.I, n.rows, n.from_x, itemsize) + biases


_FORWARD = {"recurrence": _recurrence, "model": _model}
_BACKWARD = {"recurrence": _recurrence_backward, "model": _model_backward}


def cost(workload: Workload, cell: str, scope: str, phase: str, itemsize: int) -> Cost:
    """The least that a pass costs; train is forward and backward, its loss not counted."""
    n, total = _Size(workload, CELLS[cell]), Cost(0, 0)
    if phase != "backward":
        total += _FORWARD[scope](n, itemsize, kept=n.kept if phase == "train" else 0)
    if phase != "forward":
        total += _BACKWARD[scope](n, itemsize)
    return total


def compulsory_bytes(workload: Workload, cell: str, scope: str, phase: str, itemsize: int) -> int:
    """What every implementation moves: arguments and results of `bench.cases.programs`, once each.

    `cost` counts what passes between the parts of a pass as well, which fusing them saves.
    """
    return itemsize * _COMPULSORY[scope, phase](_Size(workload, CELLS[cell]))


def _recurrent(n: _Size) -> int:
    return n.w_h + n.b_h + n.state


def _ends(n: _Size, inputs: int, outputs: int) -> int:
    return n.rows * (inputs * n.workload.I + outputs * n.workload.O)


# Elements. Forward: arguments, then results. Backward: pre, or x, from which all that was kept can
# be computed again, and cotangents, then gradients. Train: arguments with targets, results,
# gradients.
_COMPULSORY = {
    ("recurrence", "forward"): lambda n: n.rows * n.from_x + n.h + _recurrent(n),
    ("recurrence", "backward"): lambda n: 2 * (n.rows * n.from_x + _recurrent(n)) + n.h,
    ("recurrence", "train"): lambda n: 2 * (n.rows * n.from_x + _recurrent(n) + n.h),
    ("model", "forward"): lambda n: _ends(n, 1, 1) + n.parameters + 2 * n.state,
    ("model", "backward"): lambda n: (
        _ends(n, 1, 1) + 2 * n.parameters - n.w_x - n.slots - n.workload.O + 2 * n.state
    ),
    ("model", "train"): lambda n: _ends(n, 1, 2) + 2 * n.parameters + 3 * n.state,
}


@dataclass(frozen=True)
class Memory:
    """Bytes at a case's peak: of the check in NumPy, and of the program with its arguments.

    On a CPU both are the machine's.
    """

    host: int
    device: int


def memory(workload: Workload, cell: str, phase: str, itemsize: int) -> Memory:
    """What checking and timing one case takes at most, by the number of arrays alive at once.

    The numbers of arrays are rounded up from peaks of resident memory on a CPU, the largest of
    which are the baseline's, whose variants are all there at once: for a backward pass each keeps
    states, and what was saved with them, of its own. Weights count for the factorizations that
    make W_h orthogonal.
    """
    w, n, forward = workload, _Size(workload, CELLS[cell]), phase == "forward"
    pre, ends, accumulator = n.rows * n.from_x, n.rows * (w.I + w.O), max(itemsize, 4)
    checked = 7 * n.h + 4 * pre
    if not forward:
        checked += 2 * n.rows * n.slots + 2 * n.kept
    host = 8 * (checked + 4 * ends + 8 * n.parameters)
    arguments = itemsize * (3 * n.h + pre + 2 * ends + 2 * n.parameters)
    inside = n.h + pre if forward else 2 * n.h + pre + n.rows * n.slots + VARIANTS * (n.h + n.kept)
    return Memory(host, arguments + accumulator * inside)


def checked_flops(workload: Workload, cell: str, scope: str, phase: str) -> int:
    """Of one call, of the oracle, which computes as much, and of drawing orthogonal W_h."""
    orthogonal = 8 * workload.H**3 // 3  # QR, then Q (Golub & Van Loan, "Matrix Computations", 5.2)
    work = cost(workload, cell, scope, phase, itemsize=1).flops
    return 2 * work + CELLS[cell].from_h * orthogonal


def checked_slots(workload: Workload, cell: str, phase: str) -> int:
    """Slots of the oracle's dependent steps, one after the other in NumPy."""
    return workload.T * len(CELLS[cell].slots) * (1 if phase == "forward" else 2)
