"""Graphs that are no stack of recurrent layers: one sentence says so, and names the node."""

import numpy as np
import pytest

pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")
from helpers.onnx_models import model
from onnx import helper

import kernels

T, B, I, H = 4, 3, 2, 5  # noqa: E741


def ones(*shape):
    return np.ones(shape, np.float32)


def graph(*nodes, outputs=("y",), inputs=None, **constants):
    """A model of these, with the weights that most have."""
    known = {"W": ones(1, 4 * H, I), "W2": ones(1, 4 * H, H), "R": ones(1, 4 * H, H)}
    known |= {"one": np.array([1]), "w": ones(H, 2)}
    return model(nodes, {"X": ones(T, B, I)} | (inputs or {}), outputs, known | constants)


LAYER = helper.make_node("LSTM", ["X", "W", "R"], ["Y", "Y_h", "Y_c"], name="first", hidden_size=H)
SQUEEZE = helper.make_node("Squeeze", ["Y", "one"], ["h"], name="squeeze")


def stacked(*nodes, **options):
    """A graph of more nodes on one layer's outputs h (T, B, H)."""
    return graph(LAYER, SQUEEZE, *nodes, **options)


def second(operator="LSTM", inputs=("h", "W2", "R"), **options):
    """Another recurrent node."""
    options = {"hidden_size": H, "name": "second"} | options
    return helper.make_node(operator, list(inputs), ["y"], **options)


def node(operator, inputs, output="y", **options):
    """The node that is not ours."""
    return helper.make_node(operator, inputs, [output], name="odd", **options)


SQUARE = ones(H, H)
GRAPHS = {
    "another operator": (
        graph(LAYER, node("Relu", ["Y"])),
        r"node 'odd' \(Relu\) is no part of a stack .*; expected of RNN, GRU, LSTM, Transpose",
    ),
    "another on x": (graph(node("Exp", ["X"], "x"), LAYER), r"'odd' \(Exp\) is no part"),
    "a part of the steps": (
        graph(LAYER, node("Slice", ["Y", "one", "one"])),
        r"'odd' \(Slice\) is no part",
    ),
    "another cell": (
        stacked(second("RNN", ("h", "W3", "R3")), W3=ones(1, H, H), R3=ones(1, H, H)),
        r"'second' \(RNN\) makes a tanh beside a lstm; expected one cell",
    ),
    "other activations": (
        graph(
            helper.make_node(
                "RNN",
                ["X", "W3", "R3"],
                ["y"],
                hidden_size=H,
                direction="bidirectional",
                activations=["Tanh", "Relu"],
            ),
            W3=ones(2, H, I),
            R3=ones(2, H, H),
        ),
        r"node 'y' \(RNN\) makes a relu beside a tanh; expected one cell",
    ),
    "a GRU by default": (
        graph(
            node("GRU", ["X", "W3", "R3"], hidden_size=H),
            W3=ones(1, 3 * H, I),
            R3=ones(1, 3 * H, H),
        ),
        r"'odd' \(GRU\) has linear_before_reset 0; expected 1",
    ),
    "peepholes": (
        graph(node("LSTM", ["X", "W", "R", *[""] * 4, "P"], hidden_size=H), P=ones(1, 3 * H)),
        "'odd' .* has peepholes P; expected none",
    ),
    "a constant state": (
        graph(node("LSTM", ["X", "W", "R", "", "", "h0"], hidden_size=H), h0=ones(1, B, H)),
        "'odd' .* has an initial_h that is a constant other than zero; expected zeros or an input",
    ),
    "a computed state": (
        stacked(second(inputs=("h", "W2", "R", "", "", "Y_h"))),
        "'second' .* has an initial_h that is computed; expected zeros or an input",
    ),
    "constant lengths": (
        graph(node("LSTM", ["X", "W", "R", "", "n"], hidden_size=H), n=np.full(B, 2, np.int32)),
        "'odd' .* has sequence_lens of its own; expected an input",
    ),
    "lengths of one layer": (
        stacked(
            second(inputs=("h", "W2", "R", "", "n")),
            inputs={"n": np.full(B, 2, np.int32)},
        ),
        "'second' .* has other sequence_lens than the layer before; expected the same",
    ),
    "a weight that is an input": (
        graph(node("LSTM", ["X", "W4", "R"], hidden_size=H), inputs={"W4": ones(1, 4 * H, I)}),
        "'odd' .* has a W that is no constant; expected one",
    ),
    "side by side": (
        stacked(second(inputs=("X", "W", "R"))),
        "'second' .* has another X; expected the outputs of the layer before",
    ),
    "four axes": (
        graph(LAYER, second(inputs=("Y", "W2", "R"))),
        "'second' .* has an X of 4 axes; expected the outputs",
    ),
    "batch first in between": (
        stacked(
            node("Transpose", ["h"], "t", perm=[1, 0, 2]),
            second(inputs=("t", "W2", "R")),
        ),
        "'second' .* has an X whose axes lie in another order",
    ),
    "features as steps": (
        graph(node("Transpose", ["X"], "t", perm=[2, 1, 0]), second(inputs=("t", "W", "R"))),
        "'second' .* has an X whose last axis is not that of the graph's input",
    ),
    "another width": (
        stacked(second(inputs=("h", "W", "R"))),
        "'second' .* has a W for 2 features; expected 5",
    ),
    "a reshape that mixes": (
        stacked(node("Reshape", ["h", "s"]), s=np.array([T, B * H // 3, -1])),
        r"'odd' \(Reshape\) has shape \[4, 5, -1\]; expected steps, batch and features kept apart",
    ),
    "an axis that is not there": (
        graph(LAYER, node("Squeeze", ["Y", "s"]), s=np.array([2])),
        r"'odd' \(Squeeze\) has axes \[2\]; expected",
    ),
    "axes that are no constant": (
        graph(LAYER, node("Squeeze", ["Y", "s"]), inputs={"s": np.array([1])}),
        r"'odd' \(Squeeze\) has axes that are no constant; expected constant ones",
    ),
    "two products": (
        graph(
            LAYER, SQUEEZE, node("MatMul", ["h", "s"], "a"), node("MatMul", ["a", "s"]), s=SQUARE
        ),
        r"'odd' \(MatMul\) multiplies something else; expected a readout of all outputs",
    ),
    "a product in between": (
        stacked(
            node("MatMul", ["h", "s"], "a"),
            second(inputs=("a", "W2", "R")),
            s=SQUARE,
        ),
        "'second' .* has another X",
    ),
    "a product of the last state": (
        graph(LAYER, node("MatMul", ["Y_h", "w"])),
        r"'odd' \(MatMul\) multiplies something else",
    ),
    "a weight of other rows": (
        stacked(node("MatMul", ["h", "v"]), v=ones(H + 1, 2)),
        r"'odd' \(MatMul\) has a weight that has shape \(6, 2\); expected \(5, O\)",
    ),
    "a weight for the readout that is an input": (
        stacked(node("MatMul", ["h", "v"]), inputs={"v": ones(H, 2)}),
        r"'odd' \(MatMul\) has a weight that is no constant; expected \(5, O\)",
    ),
    "a sum of layers": (
        stacked(node("Add", ["h", "h"])),
        r"'odd' \(Add\) is no bias of a readout",
    ),
    "a bias of another size": (
        stacked(node("MatMul", ["h", "w"], "a"), node("Add", ["a", "b"]), b=ones(1)),
        r"'odd' \(Add\) has a bias of shape \(1,\); expected \(2,\), along the last axis",
    ),
    "a product of the steps": (
        stacked(node("Transpose", ["h"], "t", perm=[2, 1, 0]), node("MatMul", ["t", "w"])),
        r"'odd' \(MatMul\) multiplies something else",
    ),
    "a scaled Gemm": (
        stacked(
            node("Reshape", ["h", "s"], "m"),
            node("Gemm", ["m", "w"], alpha=2.0),
            s=np.array([-1, H]),
        ),
        r"'odd' \(Gemm\) has alpha 2.0; expected 1.0",
    ),
    "a Gemm with an input": (
        stacked(
            node("Reshape", ["h", "s"], "m"),
            node("Gemm", ["m", "w", "c"]),
            s=np.array([-1, H]),
            inputs={"c": ones(2)},
        ),
        r"'odd' \(Gemm\) has a C that is no constant",
    ),
    "the last state alone": (
        graph(LAYER, outputs=["Y_h"]),
        "model has outputs 'Y_h'; expected one of",
    ),
    "two outputs of every step": (
        stacked(outputs=["Y", "h"]),
        "model has outputs 'Y', 'h'; expected one of every step",
    ),
    "a lower layer's output": (
        stacked(second(), outputs=["h"]),
        "model has output 'h'; expected that of its last layer",
    ),
    "a readout beside it": (
        stacked(node("MatMul", ["h", "w"]), outputs=["h"]),
        "model has output 'h'; expected that of its last layer",
    ),
    "no layer": (graph(node("Identity", ["X"])), "model has no recurrent node; expected RNN, GRU"),
}


@pytest.mark.parametrize(("made", "sentence"), GRAPHS.values(), ids=GRAPHS.keys())
def test_graphs(made, sentence):
    with pytest.raises(ValueError, match=sentence):
        kernels.from_onnx(made)


def test_what_is_no_model():
    with pytest.raises(TypeError, match="model is a NodeProto; expected onnx's ModelProto"):
        kernels.from_onnx(LAYER)
    with pytest.raises(TypeError, match="W has dtype float64; expected JAX's jax_enable_x64"):
        kernels.from_onnx(
            graph(node("LSTM", ["X", "V", "R"], hidden_size=H), V=np.ones((1, 4 * H, I)))
        )
