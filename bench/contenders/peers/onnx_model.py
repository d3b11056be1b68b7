"""A case as an ONNX model of the operators RNN, GRU or LSTM, MatMul and Add, for whoever runs it.

Weights are constants of the model, which a runtime packs once.
"""

from collections.abc import Iterable, Iterator, Sequence
from importlib.util import find_spec
from itertools import chain
from typing import Any

import numpy as np

from bench.cases.case import Case
from bench.cases.inputs import Inputs
from bench.contenders.peers import directions
from bench.contenders.peers.peer import Outputs
from kernels.convert import shared
from reference import CELLS

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


def states(case: Case, which: str) -> list[list[str]]:
    """The names of the model's arrays (ways, B, H) for the "initial" or "last" state, by layer."""
    parts = CELLS[case.cell].states
    return [[f"{name}_{which}_{n}" for name in parts] for n in range(case.workload.layers)]


def arguments(case: Case, inputs: Inputs) -> dict[str, np.ndarray]:
    """The model's inputs by name, each in memory of its own."""
    named = {"x": np.array(inputs.x)}
    if inputs.lengths is not None:
        named["lengths"] = np.array(inputs.lengths)
        if case.workload.O:
            named["inside"] = directions.inside(inputs)
    by_layer = directions.stacked(case, inputs.initial)
    for names_of, parts in zip(states(case, "initial"), by_layer, strict=True):
        named |= {name: np.stack(part) for name, part in zip(names_of, parts, strict=True)}
    return named


def names(case: Case) -> tuple[str, ...]:
    """Of the model's outputs: y, and the last states. Without outputs (O 0) there is no y."""
    return (*("y",) * (case.workload.O > 0), *chain(*states(case, "last")))


def outputs(case: Case, arrays: Sequence[np.ndarray]) -> Outputs:
    """What the model's outputs are, copied: a runtime uses their memory again."""
    w, arrays = case.workload, [np.array(each) for each in arrays]
    y = arrays.pop(0) if w.O else np.zeros((w.T, w.B, 0), np.float32)
    parts = len(CELLS[case.cell].states)
    layers = [arrays[n : n + parts] for n in range(0, len(arrays), parts)]
    return Outputs(y, directions.flat(layers))


def model(case: Case, inputs: Inputs) -> bytes:
    """The model as a file: x (T, B, I) and initial states in; y (T, B, O) and last states out.

    With lengths (B,), and what is 1 within them and else 0, for the readout of the padding.
    """
    from onnx import TensorProto, checker, helper, numpy_helper

    w, uneven = case.workload, inputs.lengths is not None
    layers = [node for n in range(w.layers) for node in _layer(case, n, uneven=uneven)]
    readout = [
        helper.make_node("MatMul", [f"x_{w.layers}", "w_out"], ["y_unbiased"]),
        helper.make_node("Add", ["y_unbiased", "b_out"], ["y_everywhere" if uneven else "y"]),
    ]
    if uneven:
        readout.append(helper.make_node("Mul", ["y_everywhere", "inside"], ["y"]))

    def declared(names: Iterable[str], *shape: int, kind: int = TensorProto.FLOAT) -> list[Any]:
        return [helper.make_tensor_value_info(name, kind, shape) for name in names]

    initial, last = (chain(*states(case, which)) for which in ("initial", "last"))
    given = declared(("x",), w.T, w.B, w.I) + declared(initial, w.ways, w.B, w.H)
    if uneven:
        given += declared(("lengths",), w.B, kind=TensorProto.INT32)
        given += declared(("inside",) * (w.O > 0), w.T, w.B, 1)
    constants = _constants(case, inputs)
    graph = helper.make_graph(
        [*layers, *(readout if w.O else [])],
        case.cell,
        inputs=given,
        outputs=declared(("y",) * (w.O > 0), w.T, w.B, w.O) + declared(last, w.ways, w.B, w.H),
        initializer=[
            numpy_helper.from_array(np.ascontiguousarray(value), name)
            for name, value in constants.items()
        ],
    )
    opset = helper.make_opsetid("", OPSET)
    proto = helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION)
    checker.check_model(proto)
    return proto.SerializeToString()


def _layer(case: Case, n: int, *, uneven: bool) -> Iterator[Any]:
    """One operator for both directions, and their outputs side by side as the next one's input."""
    from onnx import helper

    w, (operator, options) = case.workload, OPERATORS[case.cell]
    if w.bidirectional:
        options = options | {"direction": "bidirectional"}
        options |= {name: each * 2 for name, each in options.items() if name == "activations"}
    weights = [f"{name}_{n}" for name in ("w", "r", "b")]
    ends = "lengths" if uneven else ""  # "": all sequences are of the same length
    operands = ["x" if n == 0 else f"x_{n}", *weights, ends, *states(case, "initial")[n]]
    last = states(case, "last")[n]
    yield helper.make_node(operator, operands, [f"h_{n}", *last], hidden_size=w.H, **options)
    if not (w.O or n + 1 < w.layers):
        return
    if w.bidirectional:  # from (T, ways, B, H)
        yield helper.make_node("Transpose", [f"h_{n}"], [f"beside_{n}"], perm=[0, 2, 1, 3])
        yield helper.make_node("Reshape", [f"beside_{n}", "joined"], [f"x_{n + 1}"])
    else:
        yield helper.make_node("Squeeze", [f"h_{n}", "directions"], [f"x_{n + 1}"])


def _constants(case: Case, inputs: Inputs) -> dict[str, np.ndarray]:
    """Weights with an axis of directions, gates in rows, and both biases one behind the other."""
    w, constants = case.workload, {}
    for n, layer in enumerate(directions.halves(case, inputs, shared.ONNX)):
        constants |= {
            f"w_{n}": np.stack([np.asarray(each.w_x).T for each in layer]),
            f"r_{n}": np.stack([np.asarray(each.w_h).T for each in layer]),
            f"b_{n}": np.stack([np.concatenate([each.b_x, each.b_h]) for each in layer]),
        }
    if w.O or w.layers > 1:
        shape = {"joined": np.array([w.T, w.B, w.ways * w.H])}
        constants |= shape if w.bidirectional else {"directions": np.array([1])}
    w_out, b_out = map(np.asarray, inputs.params.readout)
    return constants | ({"w_out": w_out, "b_out": b_out} if w.O else {})
