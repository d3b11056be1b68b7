"""What has been read of a graph so far."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kernels.convert import shared
from kernels.convert.onnx.attributes import label
from kernels.convert.onnx.graph import values
from kernels.convert.onnx.graph.values import Axis, Given, Steps
from reference import Layer, Readout


@dataclass
class Reading:
    """Values by name, and the stack that they make; `feature` is the axis of its outputs."""

    values: dict[str, Any]
    opset: int
    layers: list[Layer] = field(default_factory=list)
    cell: str | None = None
    lengths: str | None = None  # the input of the graph that has them
    time: Axis = ()
    batch: Axis = ()
    feature: Axis = ()
    readout: Readout | None = None

    def inputs(self, node: Any) -> list[Any]:
        """A node's, None for one that is left out."""
        return [self.values[name] if name else None for name in node.input]

    def constant(self, node: Any) -> list[np.ndarray]:
        """What a node makes of constants alone."""
        evaluate = shared.imported("onnx.reference").ReferenceEvaluator
        inputs = {name: self.values[name] for name in node.input if name}
        return evaluate(node, opsets={"": self.opset}).run(None, inputs)


def begin(model: Any) -> Reading:
    """The graph's constants and inputs."""
    numpy_helper = shared.imported("onnx.numpy_helper")
    graph = model.graph
    opset = next((each.version for each in model.opset_import if each.domain in ("", "ai.onnx")), 1)
    constants = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    # Older files list their constants among the inputs, too.
    inputs = {each.name: _input(each) for each in graph.input}
    return Reading(inputs | constants, opset)


def _input(declared: Any) -> Steps | Given:
    """Three axes may be x or a state: which it is, the node that takes it tells."""
    dims = declared.type.tensor_type.shape.dim
    if len(dims) != 3:
        return Given(declared.name)
    sizes = {
        str(n): each.dim_value if each.HasField("dim_value") else None
        for n, each in enumerate(dims)
    }
    return Steps(tuple(values.named(**{name: size}) for name, size in sizes.items()), sizes)


def refusal(node: Any, found: str, expected: str) -> ValueError:
    """The error for a node that is no part of a stack, in words."""
    return ValueError(f"{label(node)} {found}; expected {expected}")
