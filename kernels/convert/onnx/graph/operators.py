"""The operators that may lie around a graph's recurrent nodes.

Each takes what has been read, its node and its inputs, and gives its outputs. Raises ValueError for
a use that is no part of a stack of layers with a readout.
"""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np

from kernels.convert import shared
from kernels.convert.onnx import attributes
from kernels.convert.onnx.graph import layers, values
from kernels.convert.onnx.graph.reading import Reading, refusal
from kernels.convert.onnx.graph.values import Given, Last, Numbers, Steps, Zeros
from reference import Readout

Operator = Callable[[Reading, Any, list[Any]], list[Any]]
READABLE = "a readout of all outputs of the last layer, by a constant"


def axes(reading: Reading, node: Any, inputs: list[Any]) -> list[Any]:
    """Transpose, Squeeze, Reshape: the same numbers, along other axes."""
    steps, given = inputs[0], attributes.values(node)
    if not isinstance(steps, Steps):
        return part(reading, node, inputs)
    if node.op_type == "Transpose":
        default = list(range(len(steps.axes)))[::-1]
        return [steps.transposed(given.get("perm", default))]
    name = {"Squeeze": "axes", "Reshape": "shape"}[node.op_type]
    numbers = inputs[1] if len(inputs) > 1 else given.get(name)
    if not isinstance(numbers, np.ndarray | list):
        raise refusal(node, f"has {name} that are no constant", "constant ones")
    numbers = [int(each) for each in numbers]
    if node.op_type == "Squeeze":
        made = steps.squeezed(numbers)
    else:
        made = None if given.get("allowzero") and 0 in numbers else steps.reshaped(numbers)
    if made is None:
        raise refusal(node, f"has {name} {numbers}", "steps, batch and features kept apart")
    return [made]


def part(reading: Reading, node: Any, inputs: list[Any]) -> list[Any]:
    """Parts of shapes, zeros, the graph's inputs or last states: still that."""
    kinds = {_kind_of_part(node, each) for each in inputs if each is not None}
    kinds.discard(None)
    if len({type(kind) for kind in kinds}) != 1:
        raise _unknown(node)
    kind = kinds.pop()
    if isinstance(kind, Given) and (kinds or node.op_type != "Cast"):
        kind = Given(kind.name, whole=False)
    return [kind] * len(node.output)


def _kind_of_part(node: Any, value: Any) -> Zeros | Numbers | Given | Last | None:
    """What a part of the value is; None for a constant, which says which part."""
    if isinstance(value, np.ndarray):
        return None
    if isinstance(value, Steps):
        if value.depth:
            raise _unknown(node)
        return Given("", whole=False)
    return value


def same(reading: Reading, node: Any, inputs: list[Any]) -> list[Any]:
    """Identity."""
    return inputs[:1]


def shape(reading: Reading, node: Any, inputs: list[Any]) -> list[Any]:
    """Shape: of whatever it is."""
    return [Numbers()]


def zeros(reading: Reading, node: Any, inputs: list[Any]) -> list[Any]:
    """ConstantOfShape and Expand of 0."""
    if node.op_type == "Expand":
        value = inputs[0]
    else:
        tensor = attributes.values(node).get("value")
        to_array = shared.imported("onnx.numpy_helper").to_array
        value = np.zeros(1) if tensor is None else to_array(tensor)
    if not isinstance(value, Zeros) and not (isinstance(value, np.ndarray) and not value.any()):
        raise _unknown(node)
    return [Zeros()]


def product(reading: Reading, node: Any, inputs: list[Any]) -> list[Any]:
    """MatMul: the readout's product."""
    h, w = inputs
    return [_read(reading, node, h, w)]


def bias(reading: Reading, node: Any, inputs: list[Any]) -> list[Any]:
    """Add: the readout's bias, on either side."""
    y, b = inputs if isinstance(inputs[0], Steps) else inputs[::-1]
    if not (isinstance(y, Steps) and y.stage == "product" and isinstance(b, np.ndarray)):
        raise refusal(node, "is no bias of a readout", READABLE)
    return [_biased(reading, node, y, b)]


def gemm(reading: Reading, node: Any, inputs: list[Any]) -> list[Any]:
    """Gemm: both, of outputs that a Reshape has made a matrix of."""
    h, w, *b = inputs
    given = attributes.values(node)
    for name, expected in (("alpha", 1.0), ("beta", 1.0), ("transA", 0)):
        if given.get(name, expected) != expected:
            raise refusal(node, f"has {name} {given[name]}", str(expected))
    y = _read(reading, node, h, w.T if given.get("transB") and isinstance(w, np.ndarray) else w)
    if not b or b[0] is None:
        return [y]
    if not isinstance(b[0], np.ndarray):
        raise refusal(node, "has a C that is no constant", "one, for it is a bias")
    return [_biased(reading, node, y, b[0])]


def _read(reading: Reading, node: Any, h: Any, w: Any) -> Steps:
    fits = isinstance(h, Steps) and h.depth == len(reading.layers) > 0 and h.stage == "states"
    if not fits or h.axes[-1] != reading.feature:
        raise refusal(node, "multiplies something else", READABLE)
    rows = h.size(reading.feature)
    if not isinstance(w, np.ndarray) or w.ndim != 2 or len(w) != rows:
        found = f"has shape {w.shape}" if isinstance(w, np.ndarray) else "is no constant"
        raise refusal(node, f"has a weight that {found}", f"({rows}, O), for it is a readout's")
    O = w.shape[1]  # noqa: E741
    reading.readout = Readout(jnp.asarray(w), jnp.zeros(O, w.dtype))
    sizes = h.sizes | {"O": O}
    return Steps((*h.axes[:-1], values.named(O=O)), sizes, h.depth, "product")


def _biased(reading: Reading, node: Any, y: Steps, b: np.ndarray) -> Steps:
    O = len(reading.readout.b)  # noqa: E741
    if b.size != O or b.shape[-1] != O or y.axes[-1] != values.named(O=O):
        raise refusal(node, f"has a bias of shape {b.shape}", f"({O},), along the last axis")
    reading.readout = Readout(reading.readout.w, jnp.asarray(b.reshape(O)))
    return Steps(y.axes, y.sizes, y.depth, "readout")


def _unknown(node: Any) -> ValueError:
    known = ", ".join(name for name in OPERATORS if name not in PARTS)
    return refusal(node, "is no part of a stack of recurrent layers", f"of {known}")


PARTS = ("Slice", "Split", "Gather", "Unsqueeze", "Concat", "Cast")
OPERATORS: dict[str, Operator] = {
    **dict.fromkeys(("RNN", "GRU", "LSTM"), layers.recurrent),
    **dict.fromkeys(("Transpose", "Squeeze", "Reshape"), axes),
    "MatMul": product,
    "Add": bias,
    "Gemm": gemm,
    "Identity": same,
    "Shape": shape,
    **dict.fromkeys(("ConstantOfShape", "Expand"), zeros),
    **dict.fromkeys(PARTS, part),
}


def apply(reading: Reading, node: Any) -> list[Any]:
    """The node's outputs. Raises ValueError for an operator that we have not."""
    inputs = reading.inputs(node)
    recurrent = node.op_type in ("RNN", "GRU", "LSTM")
    if not recurrent and all(each is None or isinstance(each, np.ndarray) for each in inputs):
        return reading.constant(node)
    if node.op_type not in OPERATORS or node.domain not in ("", "ai.onnx"):
        raise _unknown(node)
    return OPERATORS[node.op_type](reading, node, inputs)
