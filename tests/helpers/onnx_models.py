"""Small ONNX models, and what ONNX Runtime makes of them."""

from collections.abc import Sequence

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

OPSET, IR_VERSION = 14, 8  # a runtime of any year reads them
OUTPUTS = {"RNN": ("Y", "Y_h"), "GRU": ("Y", "Y_h"), "LSTM": ("Y", "Y_h", "Y_c")}
NAMES = ("X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P")
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}


def recurrent_node(operator: str, arrays: Sequence[np.ndarray | None], **attributes):
    """A node of these inputs, of which None are left out."""
    names = ["" if each is None else name for name, each in zip(NAMES, arrays, strict=False)]
    return helper.make_node(operator, names, OUTPUTS[operator], name="layer", **attributes)


def declared(name: str, array: np.ndarray):
    """A graph's input of the array's dtype and shape."""
    return helper.make_tensor_value_info(
        name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape
    )


def model(nodes, inputs: dict, outputs: Sequence[str], constants: dict | None = None):
    """A model of these nodes; inputs are arrays like those that it will be given."""
    weights = {name: np.asarray(each) for name, each in (constants or {}).items()}
    graph = helper.make_graph(
        list(nodes),
        "graph",
        [declared(*each) for each in inputs.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(each, name) for name, each in weights.items()],
    )
    opset = helper.make_opsetid("", OPSET)
    return helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION)


def run(made, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
    """The model's outputs in ONNX Runtime, on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(
        made.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return session.run(None, inputs)


def run_node(node, arrays: Sequence[np.ndarray | None]) -> list[np.ndarray]:
    """The outputs of one node."""
    named = {name: each for name, each in zip(NAMES, arrays, strict=False) if each is not None}
    return run(model([node], named, node.output), named)
