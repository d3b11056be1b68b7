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
    """Numbers in each array of one direction of a layer; `rows` of all steps and sequences."""

    workload: Workload
    cell: Cell
    inputs: int  # of the layer: I, or the outputs of the one below
    rows: int

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
        return self.inputs * self.from_x

    @property
    def w_h(self) -> int:
        return self.workload.H * self.from_h

    @property
    def b_h(self) -> int:
        return self.slots - self.from_x

    @property
    def pre(self) -> int:
        return self.rows * self.from_x

    @property
    def dpre(self) -> int:
        return self.rows * self.slots

    @property
    def parameters(self) -> int:
        return self.w_x + self.w_h + self.slots


class _Sizes:
    """Those of every direction of every layer, the first layer's first, and their sums."""

    def __init__(self, workload: Workload, cell: str, *, padded: bool = False):
        """Of the sequences alone, or of the arrays with their padding."""
        self.workload = w = workload
        self.rows = w.T * w.B if padded else w.steps
        self.features = w.ways * w.H  # of a layer's outputs
        inputs = (w.I, *[self.features] * (w.layers - 1))
        kind = CELLS[cell]
        self.each = [_Size(w, kind, size, self.rows) for size in inputs for _ in range(w.ways)]
        self.first, self.later = self.each[: w.ways], self.each[w.ways :]

    def sum(self, name: str) -> int:
        """Of all layers and directions."""
        return sum(getattr(each, name) for each in self.each)

    @property
    def parameters(self) -> int:
        return self.sum("parameters") + self.features * self.workload.O + self.workload.O


def _product(rows: int, terms: int, columns: int, itemsize: int) -> Cost:
    """rows x terms times terms x columns."""
    moved = rows * terms + terms * columns + rows * columns
    return Cost(2 * rows * terms * columns, itemsize * moved)


def _dense(rows: int, inputs: int, outputs: int, itemsize: int) -> Cost:
    """rows x inputs times inputs x outputs, plus a bias."""
    bias = Cost(rows * outputs, itemsize * outputs)
    return _product(rows, inputs, outputs, itemsize) + bias


def _recurrence(n: _Size, itemsize: int, kept: bool) -> Cost:
    """Dependent steps: products, their addition to the slots, the cell. pre in, h out."""
    one = 2 * n.w_h + n.from_h + n.workload.H * operations(n.cell).forward
    moved = n.pre + n.w_h + n.b_h + n.state + n.h + kept * n.kept
    return Cost(n.rows * one, itemsize * moved)


def _model(n: _Sizes, itemsize: int, kept: bool) -> Cost:
    """All projections and the recurrences; pre and h pass between them through memory."""
    total = _dense(n.rows, n.features, n.workload.O, itemsize)
    for each in n.each:
        total += _dense(n.rows, each.inputs, each.from_x, itemsize)
        total += _recurrence(each, itemsize, kept)
    return total


def _bptt(n: _Size, itemsize: int) -> Cost:
    """dpre by dependent steps from dh and all that was kept, then dW_h by one product.

    What each first step's dpre is multiplied for is the initial state alone.
    """
    w, moved = n.workload, 2 * n.h + n.kept + n.dpre + n.w_h
    products = 2 * (n.rows - w.B) * n.w_h
    steps = Cost(products + n.h * (1 + operations(n.cell).backward), itemsize * moved)
    return steps + _product(w.H, n.rows, n.from_h, itemsize)


def _recurrence_backward(n: _Size, itemsize: int) -> Cost:
    """Gradients of pre, W_h, its bias and the initial state."""
    bias = Cost(n.rows * n.b_h, itemsize * n.b_h)
    dh = _product(n.workload.B, n.from_h, n.workload.H, itemsize)
    carried = n.state - n.workload.B * n.workload.H
    return _bptt(n, itemsize) + bias + dh + Cost(0, itemsize * carried)


def _model_backward(n: _Sizes, itemsize: int) -> Cost:
    """Gradients of all parameters, none of x: dh = dy W^T, BPTT, then one product a weight.

    And one more for the outputs of the layer below, where there is one.
    """
    w, D = n.workload, n.features
    total = _product(n.rows, w.O, D, itemsize) + _product(D, n.rows, w.O, itemsize)
    biases = n.sum("slots") + w.O
    total += Cost(n.rows * biases, itemsize * biases)
    for each in n.each:
        total += _bptt(each, itemsize) + _product(each.inputs, n.rows, each.from_x, itemsize)
    for each in n.later:
        total += _product(n.rows, each.from_x, each.inputs, itemsize)
    return total


_FORWARD = {"recurrence": _recurrence, "model": _model}
_BACKWARD = {"recurrence": _recurrence_backward, "model": _model_backward}


def _sized(workload: Workload, cell: str, scope: str) -> _Size | _Sizes:
    """A recurrence is one direction alone."""
    sizes = _Sizes(workload, cell)
    return sizes if scope == "model" else sizes.each[0]


def cost(workload: Workload, cell: str, scope: str, phase: str, itemsize: int) -> Cost:
    """The least that a pass costs; train is forward and backward, its loss not counted.

    What lies behind the end of a sequence costs nothing.
    """
    n, total = _sized(workload, cell, scope), Cost(0, 0)
    if phase != "backward":
        total += _FORWARD[scope](n, itemsize, kept=phase == "train")
    if phase != "forward":
        total += _BACKWARD[scope](n, itemsize)
    return total


def compulsory_bytes(workload: Workload, cell: str, scope: str, phase: str, itemsize: int) -> int:
    """What every implementation moves: arguments and results of `bench.cases.programs`, once each.

    `cost` counts what passes between the parts of a pass as well, which fusing them saves.
    """
    return itemsize * _COMPULSORY[scope, phase](_sized(workload, cell, scope))


def _recurrent(n: _Size) -> int:
    return n.w_h + n.b_h + n.state


def _ends(n: _Sizes, inputs: int, outputs: int) -> int:
    return n.rows * (inputs * n.workload.I + outputs * n.workload.O)


def _not_read_back(n: _Sizes) -> int:
    """Parameters that no backward pass reads: W_x where x needs no gradient, and biases."""
    return sum(each.w_x for each in n.first) + n.sum("slots") + n.workload.O


# Elements. Forward: arguments, then results. Backward: pre, or x, from which all that was kept can
# be computed again, and cotangents, then gradients. Train: arguments with targets, results,
# gradients.
_COMPULSORY = {
    ("recurrence", "forward"): lambda n: n.pre + n.h + _recurrent(n),
    ("recurrence", "backward"): lambda n: 2 * (n.pre + _recurrent(n)) + n.h,
    ("recurrence", "train"): lambda n: 2 * (n.pre + _recurrent(n) + n.h),
    ("model", "forward"): lambda n: _ends(n, 1, 1) + n.parameters + 2 * n.sum("state"),
    ("model", "backward"): lambda n: (
        _ends(n, 1, 1) + 2 * n.parameters - _not_read_back(n) + 2 * n.sum("state")
    ),
    ("model", "train"): lambda n: _ends(n, 1, 2) + 2 * n.parameters + 3 * n.sum("state"),
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
    make W_h orthogonal. Padding is there in memory as well.
    """
    n, forward = _Sizes(workload, cell, padded=True), phase == "forward"
    h, pre, dpre, kept = map(n.sum, ("h", "pre", "dpre", "kept"))
    ends, accumulator = _ends(n, 1, 1), max(itemsize, 4)
    checked = 7 * h + 4 * pre
    if not forward:
        checked += 2 * dpre + 2 * kept
    host = 8 * (checked + 4 * ends + 8 * n.parameters)
    arguments = itemsize * (3 * h + pre + 2 * ends + 2 * n.parameters)
    inside = h + pre if forward else 2 * h + pre + dpre + VARIANTS * (h + kept)
    return Memory(host, arguments + accumulator * inside)


def checked_flops(workload: Workload, cell: str, scope: str, phase: str) -> int:
    """Of one call, of the oracle, which computes as much, and of drawing orthogonal W_h."""
    orthogonal = 8 * workload.H**3 // 3  # QR, then Q (Golub & Van Loan, "Matrix Computations", 5.2)
    work = cost(workload, cell, scope, phase, itemsize=1).flops
    return 2 * work + workload.layers * workload.ways * CELLS[cell].from_h * orthogonal


def checked_slots(workload: Workload, cell: str, phase: str) -> int:
    """Slots of the oracle's dependent steps, one after the other in NumPy.

    Sequences of each length are a batch of their own there, as is every layer and direction.
    """
    steps = sum(set(workload.lengths_in_order)) * workload.layers * workload.ways
    return steps * len(CELLS[cell].slots) * (1 if phase == "forward" else 2)
