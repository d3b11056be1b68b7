"""A case as an ONNX model of the operators RNN, GRU or LSTM, MatMul and Add, for whoever runs it.

Weights are constants of the model, which a runtime packs once.
"""

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np

from bench.cases.case import Case
from bench.cases.inputs import Inputs
from bench.contenders.peers.peer import Outputs
from kernels.convert import shared
from reference import CELLS
from reference.cells import Cell

# The first that squeezes along axes given as an input, and the format's version of those days.
OPSET, IR_VERSION = 14, 7
OPERATORS = {
    "relu": ("RNN", {"activations": ["Relu"]}),
    "tanh": ("RNN", {"activations": ["Tanh"]}),
    "gru": ("GRU", {"linear_before_reset": 1}),  # the reset gate after the product, as ours
    "lstm": ("LSTM", {}),
}


def unavailable(platform: str, package: str) -> str | None:
    """A runtime needs its package, and `onnx` to write the model with."""
    if platform != "cpu":
        return "measured on CPU only"
    missing = [name for name in (package, "onnx") if find_spec(name) is None]
    return f"{missing[0]} is not installed" if missing else None


def states(case: Case, which: str) -> tuple[str, ...]:
    """The names of the model's arrays (1, B, H) for the "initial" or "last" state."""
    return tuple(f"{name}_{which}" for name in CELLS[case.cell].states)


def arguments(case: Case, inputs: Inputs) -> dict[str, np.ndarray]:
    """The model's inputs by name, each in memory of its own."""
    named = zip(states(case, "initial"), inputs.initial, strict=True)
    return {"x": np.array(inputs.x)} | {name: np.array(each)[None] for name, each in named}


def names(case: Case) -> tuple[str, ...]:
    """Of the model's outputs: y, and the last state. Without outputs (O 0) there is no y."""
    return ("y",) * (case.workload.O > 0) + states(case, "last")


def outputs(case: Case, arrays: Sequence[np.ndarray]) -> Outputs:
    """What the model's outputs are, copied: a runtime uses their memory again."""
    w, arrays = case.workload, [np.array(each) for each in arrays]
    y = arrays.pop(0) if w.O else np.zeros((w.T, w.B, 0), np.float32)
    return Outputs(y, tuple(each[0] for each in arrays))


def model(case: Case, inputs: Inputs) -> bytes:
    """The model as a file: x (T, B, I) and the initial state in; y (T, B, O) and the last out."""
    from onnx import TensorProto, checker, helper, numpy_helper

    w, cell = case.workload, CELLS[case.cell]
    initial, last = states(case, "initial"), states(case, "last")
    operator, options = OPERATORS[case.cell]
    operands = ["x", "w", "r", "b", "", *initial]  # "": all sequences are of the same length
    layer = helper.make_node(operator, operands, ["h_all", *last], hidden_size=w.H, **options)
    readout = [
        helper.make_node("Squeeze", ["h_all", "directions"], ["h"]),
        helper.make_node("MatMul", ["h", "w_out"], ["y_unbiased"]),
        helper.make_node("Add", ["y_unbiased", "b_out"], ["y"]),
    ]

    def declared(names: tuple[str, ...], *shape: int) -> list[Any]:
        return [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in names]

    graph = helper.make_graph(
        [layer, *(readout if w.O else [])],
        case.cell,
        inputs=declared(("x",), w.T, w.B, w.I) + declared(initial, 1, w.B, w.H),
        outputs=declared(names(case)[: -len(last)], w.T, w.B, w.O) + declared(last, 1, w.B, w.H),
        initializer=[
            numpy_helper.from_array(np.ascontiguousarray(value), name)
            for name, value in _constants(cell, inputs).items()
        ],
    )
    opset = helper.make_opsetid("", OPSET)
    proto = helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION)
    checker.check_model(proto)
    return proto.SerializeToString()


def _constants(cell: Cell, inputs: Inputs) -> dict[str, np.ndarray]:
    """Weights with an axis of directions, gates in rows, and both biases one behind the other."""
    halves = shared.apart(cell, inputs.weights, shared.ONNX[cell.name])
    constants = {
        "w": np.asarray(halves.w_x).T[None],
        "r": np.asarray(halves.w_h).T[None],
        "b": np.concatenate([halves.b_x, halves.b_h])[None],
    }
    w, b = map(np.asarray, inputs.params.readout)
    readout = {"directions": np.array([1]), "w_out": w, "b_out": b}
    return constants | (readout if b.size else {})
