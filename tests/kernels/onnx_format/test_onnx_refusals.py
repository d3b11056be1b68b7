"""What has no counterpart here is refused in one sentence that names the node."""

import re
import sys
from dataclasses import dataclass

import numpy as np
import pytest

pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")
from helpers.onnx_models import GATES, model, recurrent_node
from onnx import helper

import kernels

T, B, I, H = 4, 3, 2, 5  # noqa: E741


def ones(*shape):
    return np.ones(shape, np.float32)


def arrays_of(operator, D=1):
    G = GATES[operator]
    return [ones(T, B, I), ones(D, G * H, I), ones(D, G * H, H)]


def a_node(operator="LSTM", arrays=None, **attributes):
    arrays = arrays_of(operator) if arrays is None else arrays
    return recurrent_node(operator, arrays, **{"hidden_size": H} | attributes)


@dataclass
class Refused:
    """A node's attributes, and what is said about them."""

    operator: str
    attributes: dict
    sentence: str


ATTRIBUTES = [
    Refused("LSTM", {"clip": 3.0}, "has clip 3.0; expected no such attribute"),
    Refused("LSTM", {"input_forget": 1}, "has input_forget 1; expected 0"),
    Refused("GRU", {"linear_before_reset": 2}, "has linear_before_reset 2; expected 0 or 1"),
    Refused("RNN", {"layout": 2}, "has layout 2; expected 0 or 1"),
    Refused("RNN", {"activation_alpha": [0.5]}, "has activation_alpha [0.5]; expected no such"),
    Refused("RNN", {"activation_beta": [0.5]}, "has activation_beta [0.5]; expected no such"),
    Refused("RNN", {"hidden_size": None}, "has no hidden_size; expected one"),
    Refused(
        "GRU", {"direction": "both"}, "direction 'both'; expected 'forward' or 'reverse' or 'bidi"
    ),
    Refused(
        "RNN",
        {"activations": ["Elu"]},
        "has activations ['Elu']; expected ['Tanh'] or ['Relu']",
    ),
    Refused(
        "RNN",
        {"activations": ["Relu"], "direction": "bidirectional"},
        "has activations ['Relu']; expected ['Tanh'] or ['Relu'], for each direction",
    ),
    Refused(
        "LSTM",
        {"activations": ["Sigmoid", "Relu", "Tanh"]},
        "expected ['Sigmoid', 'Tanh', 'Tanh']",
    ),
    Refused("GRU", {"activations": ["Sigmoid"]}, "expected ['Sigmoid', 'Tanh']"),
]


@pytest.mark.parametrize("refused", ATTRIBUTES, ids=lambda each: str(each.attributes))
def test_attributes(refused):
    """By both functions."""
    operator, D = refused.operator, 1 + (refused.attributes.get("direction") == "bidirectional")
    node = a_node(operator, **refused.attributes)
    sentence = f"node 'layer' ({operator}) .*".replace("(", r"\(").replace(")", r"\)")
    sentence += re.escape(refused.sentence)
    with pytest.raises(ValueError, match=sentence):
        kernels.onnx_node(node, arrays_of(operator, D))
    X, W, R = arrays_of(operator, D)
    with pytest.raises(ValueError, match=sentence):
        kernels.from_onnx(model([node], {"X": X}, ["Y"], {"W": W, "R": R}))


def test_what_is_no_recurrent_node():
    with pytest.raises(TypeError, match="node is a str; expected onnx's NodeProto"):
        kernels.onnx_node("LSTM", [])
    node = helper.make_node("Relu", ["x"], ["y"])
    with pytest.raises(ValueError, match=r"node 'y' \(Relu\) is not recurrent; expected RNN, GRU"):
        kernels.onnx_node(node, [ones(1)])
    node = a_node()
    node.domain = "com.example"
    with pytest.raises(ValueError, match=r"'layer' \(LSTM\) is not recurrent"):
        kernels.onnx_node(node, arrays_of("LSTM"))


def test_inputs():
    X, W, R = arrays_of("LSTM")
    lengths = np.array([1, 2, 5], np.int32)
    for inputs, error, sentence in (
        ([X, W], ValueError, r"inputs has no R; expected it for node 'layer' \(LSTM\)"),
        ([None, W, R], ValueError, "inputs has no X"),
        ([X, W, R, *[None] * 6], ValueError, "has 9 inputs; expected at most 8"),
        ([X, W, R[:, :5]], ValueError, r"R has shape \(1, 5, 5\); expected .* = \(1, 20, 5\) of n"),
        ([X, W[:, :, :1], R], ValueError, r"W has shape \(1, 20, 1\); .* = \(1, 20, 2\)"),
        ([X, W, R, ones(1, 20)], ValueError, r"B has shape \(1, 20\); expected .* = \(1, 40\)"),
        ([X, W, R.astype("f2")], TypeError, "R has dtype float16; expected float32, .* of X"),
        (
            [X, W, R, None, ones(3)],
            TypeError,
            "sequence_lens has dtype float32; expected an integer dtype",
        ),
        ([X, W, R, None, lengths], ValueError, r"sequence_lens\[2\] is 5; expected 0 to T = 4"),
        ([X, W, R, None, None, ones(2, B, H)], ValueError, r"initial_h .* = \(1, 3, 5\)"),
        ([X, W, R, *[None] * 4, ones(1, 20)], ValueError, r"P has shape .* = \(1, 15\)"),
    ):
        with pytest.raises(error, match=sentence):
            kernels.onnx_node(a_node(), inputs)


def test_kernels_of_what_only_a_scan_has():
    peepholes = [*arrays_of("LSTM"), *[None] * 4, ones(1, 3 * H)]
    with pytest.raises(ValueError, match="kernel 'native' has no LSTM with peepholes; expected 'a"):
        kernels.onnx_node(a_node(), peepholes, "native")
    node, arrays = a_node("GRU"), arrays_of("GRU")
    with pytest.raises(ValueError, match="kernel 'unrolled' has no GRU with linear_before_reset 0"):
        kernels.onnx_node(node, arrays, "unrolled")
    with pytest.raises(ValueError, match="kernel is 'fast'; expected 'auto' or one of"):
        kernels.onnx_node(a_node(), arrays_of("LSTM"), "fast")


def test_a_missing_library_is_named(monkeypatch):
    node = a_node()
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r"needs onnx: .* pip install onnx$"):
        kernels.onnx_node(node, arrays_of("LSTM"))
    with pytest.raises(ImportError, match=r"needs onnx: .* pip install onnx$"):
        kernels.from_onnx("model.onnx")
