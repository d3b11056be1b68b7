"""A stack of recurrent layers, and its readout, from a model of ONNX."""

import os
from typing import Any

from kernels.convert import shared
from kernels.convert.onnx.graph import operators, reading
from kernels.convert.onnx.graph.reading import Reading
from kernels.convert.onnx.graph.values import Last, Steps
from reference import Params


def from_onnx(model: Any) -> tuple[Params, dict[str, Any]]:
    """`(params, options)`, with which `kernels.rnn(params, x, **options)` computes the model.

    `model` is an `onnx.ModelProto` or the path of one: RNN, GRU or LSTM nodes of one cell, each in
    one direction or both, stacked by Squeeze, Transpose and Reshape as PyTorch's and Keras's
    exporters do, and MatMul and Add, Gemm, or nothing on the outputs of every step. Weights are
    constants. Our x is (T, B, I), whatever order the model has its axes in.

    Initial states that are inputs of the graph or zero are the caller's `state`, and sequence_lens
    that are an input the caller's `lengths`. Behind a sequence's end our y is 0, where a readout of
    ONNX gives its bias; a sequence of length 0 keeps its initial state, which ONNX Runtime zeroes.

    Raises TypeError for something that is no model, ValueError, which names the node, for a graph
    that is no such stack, ImportError without `onnx`.
    """
    onnx = shared.imported("onnx")
    if isinstance(model, str | os.PathLike):
        model = onnx.load(model)
    shared.expect("model", model, onnx.ModelProto)
    read = reading.begin(model)
    for node in model.graph.node:
        outputs = operators.apply(read, node)
        read.values |= dict(zip(node.output, outputs, strict=False))
    _check_outputs(read, [each.name for each in model.graph.output])
    return Params(tuple(read.layers), read.readout), {"cell": read.cell}


def _check_outputs(read: Reading, names: list[str]) -> None:
    """That one is y, and others, if any, are last states."""
    if not read.layers:
        raise ValueError("model has no recurrent node; expected RNN, GRU or LSTM nodes")
    found = {name: read.values[name] for name in names}
    steps = [name for name, value in found.items() if isinstance(value, Steps)]
    wrong = [name for name, value in found.items() if not isinstance(value, Steps | Last)]
    if wrong or len(steps) != 1:
        raise ValueError(
            f"model has outputs {', '.join(map(repr, names))}; "
            "expected one of every step, and beside it last states alone"
        )
    y, whole = found[steps[0]], read.readout is not None
    if y.depth != len(read.layers) or (y.stage != "states") != whole:
        raise ValueError(f"model has output {steps[0]!r}; expected that of its last layer")
