"""A recurrent node of a graph as the next layer of a stack."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from kernels.convert.onnx import arrays, attributes
from kernels.convert.onnx.attributes import INPUTS, Recurrent
from kernels.convert.onnx.graph import values
from kernels.convert.onnx.graph.reading import Reading, refusal
from kernels.convert.onnx.graph.values import Given, Last, Steps, Zeros
from reference import Layer, Weights


def recurrent(reading: Reading, node: Any, inputs: list[Any]) -> list[Any]:
    """Y, and the last states. Raises ValueError for a node that is no such layer."""
    own = attributes.read(node)
    given = dict.fromkeys(INPUTS[own.operator]) | dict(
        zip(INPUTS[own.operator], inputs, strict=False)
    )
    _check_cell(reading, node, own)
    _check_states(reading, node, given)
    _check_lengths(reading, node, given["sequence_lens"])
    every = _weights(node, own, given)
    _check_input(reading, node, own, given["X"], len(every[0].w_x))
    ways = dict(zip(own.reverse, every, strict=True))
    reading.layers.append(Layer(ways.get(False), ways.get(True)))
    return [_outputs(reading, own, given["X"]), Last(), Last()][: len(node.output)]


def _check_cell(reading: Reading, node: Any, own: Recurrent) -> None:
    cells = dict.fromkeys([*([reading.cell] if reading.cell else []), *own.cells])
    if len(cells) > 1:
        raise refusal(node, f"makes a {own.cells[-1]} beside a {next(iter(cells))}", "one cell")
    if own.reset_before:
        raise refusal(node, "has linear_before_reset 0", "1, as `kernels.rnn` has it")
    reading.cell = own.cells[0]


def _check_states(reading: Reading, node: Any, given: dict[str, Any]) -> None:
    if given.get("P") is not None:
        raise refusal(node, "has peepholes P", "none, as `kernels.rnn` has none")
    for name in ("initial_h", "initial_c"):
        state = given.get(name)
        if isinstance(state, np.ndarray) and not state.any():
            continue
        of_caller = isinstance(state, Given | Zeros) or (
            isinstance(state, Steps) and state.depth == 0
        )
        if state is not None and not of_caller:
            kind = "a constant other than zero" if isinstance(state, np.ndarray) else "computed"
            raise refusal(node, f"has an {name} that is {kind}", "zeros or an input of the graph")


def _check_lengths(reading: Reading, node: Any, lengths: Any) -> None:
    if lengths is not None and not (isinstance(lengths, Given) and lengths.whole):
        raise refusal(node, "has sequence_lens of its own", "an input of the graph")
    name = lengths and lengths.name
    if reading.layers and name != reading.lengths:
        raise refusal(node, "has other sequence_lens than the layer before", "the same")
    reading.lengths = name


def _weights(node: Any, own: Recurrent, given: dict[str, Any]) -> tuple[Weights, ...]:
    constants = {name: given[name] for name in ("W", "R", "B")}
    for name, each in constants.items():
        if each is None and name == "B":
            continue
        if not isinstance(each, np.ndarray):
            raise refusal(node, f"has a {name} that is no constant", "one, for it is a weight")
    arrays.hold(own, constants)
    return arrays.weights(
        own, *(each if each is None else jnp.asarray(each) for each in constants.values())
    )


def _check_input(reading: Reading, node: Any, own: Recurrent, x: Any, features: int) -> None:
    """That it reads what the layer before made, and all of it."""
    expected = "the outputs of the layer before, or of the graph's input x (T, B, I)"
    if not isinstance(x, Steps) or x.depth != len(reading.layers) or x.stage != "states":
        raise refusal(node, "has another X", expected)
    if len(x.axes) != 3:
        raise refusal(node, f"has an X of {len(x.axes)} axes", expected)
    time, batch, feature = (x.axes[n] for n in ((1, 0, 2) if own.batch_first else (0, 1, 2)))
    if not reading.layers:
        if feature not in ((), ("2",)):
            raise refusal(
                node, "has an X whose last axis is not that of the graph's input", expected
            )
        reading.time, reading.batch, reading.feature = time, batch, feature
    if (time, batch, feature) != (reading.time, reading.batch, reading.feature):
        raise refusal(node, "has an X whose axes lie in another order", expected)
    if x.size(feature) not in (None, features):
        raise refusal(
            node, f"has a W for {features} features", f"{x.size(feature)}, those of its X"
        )


def _outputs(reading: Reading, own: Recurrent, x: Steps) -> Steps:
    """Y, which is (T, D, B, H), or with layout 1 (B, T, D, H)."""
    directions, sizes = len(own.cells), {"D": len(own.cells), "H": own.H}
    D, H = values.named(D=directions), values.named(H=own.H)
    reading.feature = D + H
    known = {name: x.sizes[name] for name in reading.time + reading.batch}
    time, batch = reading.time, reading.batch
    axes = (batch, time, D, H) if own.batch_first else (time, D, batch, H)
    return Steps(axes, known | sizes, len(reading.layers))
