"""Stacks of layers from ONNX: the outputs and states of ONNX Runtime."""

import warnings

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")
from helpers.onnx_models import model, run
from onnx import helper, numpy_helper

import kernels
from reference import CELLS, Layer

T, B, I, O = 6, 3, 4, 2  # noqa: E741
OPERATORS = {
    "relu": ("RNN", {"activations": ["Relu"]}),
    "tanh": ("RNN", {}),
    "gru": ("GRU", {"linear_before_reset": 1}),
    "lstm": ("LSTM", {}),
}
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
CLOSE = {"rtol": 1e-5, "atol": 2e-6}
RANDOM = np.random.default_rng(3)
X = RANDOM.standard_normal((T, B, I), np.float32)


def drawn(*shape):
    return RANDOM.standard_normal(shape, np.float32) / np.float32(shape[-1] ** 0.5)


def a_layer(n, cell, x, size, H, direction, extra=("", "")):
    """A recurrent node on the value `x` of that size, its weights, and whether it has two ways."""
    operator, options = OPERATORS[cell]
    D, G = 2 if direction == "bidirectional" else 1, GATES[operator]
    if "activations" in options:
        options = {"activations": options["activations"] * D}
    weights = {
        f"W{n}": drawn(D, G * H, size),
        f"R{n}": drawn(D, G * H, H),
        f"B{n}": drawn(D, 2 * G * H),
    }
    outputs = [f"Y{n}", f"Y_h{n}", f"Y_c{n}"][: 3 if cell == "lstm" else 2]
    node = helper.make_node(
        operator,
        [x, *weights, *extra],
        outputs,
        name=f"layer{n}",
        hidden_size=H,
        direction=direction,
        **options,
    )
    return node, weights, D


def between(n, D, form):
    """What makes (T, B, D H) of Y, as exporters write it: nodes, constants, and its name."""
    if D == 1 and form == "squeeze":
        nodes = [helper.make_node("Squeeze", [f"Y{n}", f"one{n}"], [f"h{n}"])]
        return nodes, {f"one{n}": np.array([1])}, f"h{n}"
    nodes = [
        helper.make_node("Transpose", [f"Y{n}"], [f"turned{n}"], perm=[0, 2, 1, 3]),
        helper.make_node("Reshape", [f"turned{n}", f"shape{n}"], [f"h{n}"]),
    ]
    return nodes, {f"shape{n}": np.array([0, 0, -1])}, f"h{n}"


def the_readout(form, h, size, O=O):  # noqa: E741
    w, b = drawn(size, O), drawn(O)
    if form == "none":
        return [], {}, h
    if form == "matmul":
        nodes = [
            helper.make_node("MatMul", [h, "w"], ["product"]),
            helper.make_node("Add", ["b", "product"], ["y"]),
        ]
        return nodes, {"w": w, "b": b}, "y"
    nodes = [
        helper.make_node("Reshape", [h, "rows"], ["matrix"]),
        helper.make_node("Gemm", ["matrix", "w", "b"], ["read"], transB=1),
        helper.make_node("Reshape", ["read", "back"], ["y"]),
    ]
    constants = {"w": w.T, "b": b, "rows": np.array([-1, size]), "back": np.array([-1, B, O])}
    return nodes, constants, "y"


def a_stack(cell, directions, sizes, *, form="squeeze", readout="matmul", O=O):  # noqa: E741
    """A model with the last state of its last layer as outputs, too."""
    nodes, constants, x, size = [], {}, "x", I
    for n, (direction, H) in enumerate(zip(directions, sizes, strict=True)):
        node, weights, D = a_layer(n, cell, x, size, H, direction)
        shaping, more, x = between(n, D, form)
        nodes, constants, size = [*nodes, node, *shaping], constants | weights | more, D * H
    reading, more, y = the_readout(readout, x, size, O)
    last = list(node.output[1:])
    return model([*nodes, *reading], {"x": X}, [y, *last], constants | more)


def last_as_onnx(cell, params, last):
    """The last layer's states, each (D, B, H)."""
    if len(params.layers) > 1 or None not in params.layers[-1]:
        ways = [way for way in last[-1] if way is not None]
    else:
        ways = [last]
    ways = ways if CELLS[cell].carried else [(way,) for way in ways]
    return [np.stack(each) for each in zip(*ways, strict=True)]


def hold(made, x=X):
    """Ours and ONNX Runtime's y and last states; what was converted is given back."""
    params, options = kernels.from_onnx(made)
    y, last = kernels.rnn(params, x, **options)
    want, *states = run(made, {"x": x})
    np.testing.assert_allclose(y, want.reshape(y.shape), **CLOSE)
    for one, other in zip(last_as_onnx(options["cell"], params, last), states, strict=True):
        np.testing.assert_allclose(one, other, **CLOSE)
    return params, options


WAYS = ["forward", "reverse", "bidirectional"]


@pytest.mark.parametrize("readout", ["none", "matmul", "gemm"])
@pytest.mark.parametrize("direction", WAYS)
@pytest.mark.parametrize("cell", OPERATORS)
def test_two_layers(cell, direction, readout):
    params, options = hold(a_stack(cell, [direction] * 2, [5, 3], readout=readout))
    assert options == {"cell": cell}
    assert (params.readout is None) == (readout == "none")


@settings(max_examples=12)
@given(data=st.data())
def test_any_stack(data):
    """Sizes of 1 among them, which a reshape could put anywhere."""
    directions = data.draw(st.lists(st.sampled_from(WAYS), min_size=1, max_size=3))
    sizes = data.draw(st.lists(st.integers(1, 4), min_size=len(directions), max_size=4))
    hold(
        a_stack(
            data.draw(st.sampled_from(list(OPERATORS))),
            directions,
            sizes[: len(directions)],
            form=data.draw(st.sampled_from(["squeeze", "reshape"])),
            readout=data.draw(st.sampled_from(["none", "matmul", "gemm"])),
            O=data.draw(st.integers(1, 3)),
        )
    )


def test_a_path_is_a_model(tmp_path):
    made = a_stack("gru", ["forward"], [5])
    path = tmp_path / "model.onnx"
    path.write_bytes(made.SerializeToString())
    for given_path in (path, str(path)):
        jax.tree.map(
            np.testing.assert_array_equal,
            kernels.from_onnx(given_path)[0],
            kernels.from_onnx(made)[0],
        )


def test_states_and_lengths_that_are_inputs_are_the_callers():
    node, weights, _ = a_layer(0, "lstm", "x", I, 5, "bidirectional", ("n", "h0", "c0"))
    state = {name: RANDOM.standard_normal((2, B, 5), np.float32) for name in ("h0", "c0")}
    lengths = np.array([2, 6, 4], np.int32)
    inputs = {"x": X, "n": lengths} | state
    made = model([node], inputs, node.output, weights)
    params, options = kernels.from_onnx(made)
    states_of = [(state["h0"][way], state["c0"][way]) for way in (0, 1)]
    y, last = kernels.rnn(params, X, (Layer(*states_of),), lengths=lengths, **options)
    want, *states = run(made, inputs)
    np.testing.assert_allclose(y, want.transpose(0, 2, 1, 3).reshape(T, B, 10), **CLOSE)
    for one, other in zip(last_as_onnx("lstm", params, last), states, strict=True):
        np.testing.assert_allclose(one, other, **CLOSE)


def test_weights_made_of_constants_by_nodes():
    """As exporters that do not fold them write it; and an initial state of zeros."""
    node, weights, _ = a_layer(0, "gru", "x", I, 5, "forward", ("", "h0"))
    b_x, b_h = np.split(weights.pop("B0"), 2, axis=1)
    W = weights.pop("W0")
    nodes = [
        helper.make_node("Constant", [], ["b_x"], value=numpy_helper.from_array(b_x)),
        helper.make_node("Concat", ["b_x", "b_h"], ["B0"], axis=1),
        helper.make_node("Transpose", ["W_turned"], ["W0"], perm=[0, 2, 1]),
    ]
    constants = weights | {"b_h": b_h, "W_turned": np.ascontiguousarray(W.swapaxes(1, 2))}
    constants["h0"] = np.zeros((1, B, 5), np.float32)
    hold(model([*nodes, node], {"x": X}, node.output, constants))


def test_layout_1_is_batch_first():
    """Which ONNX Runtime has not."""
    node, weights, _ = a_layer(0, "lstm", "x", I, 5, "bidirectional")
    want, _ = kernels.from_onnx(model([node], {"x": X}, ["Y0"], weights))
    node.attribute.append(helper.make_attribute("layout", 1))
    shaping = helper.make_node("Reshape", ["Y0", "shape"], ["h"])
    more = {"shape": np.array([0, 0, -1])}
    made = model([node, shaping], {"x": X.swapaxes(0, 1)}, ["h"], weights | more)
    jax.tree.map(np.testing.assert_array_equal, kernels.from_onnx(made)[0], want)


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("name", ["RNN", "GRU", "LSTM"])
def test_what_torch_exports(name, batch_first, dynamic, tmp_path):
    torch = pytest.importorskip("torch")
    torch.manual_seed(5)

    class Model(torch.nn.Module):
        """Two bidirectional layers and a readout."""

        def __init__(self):
            super().__init__()
            options = {"bidirectional": True, "batch_first": batch_first}
            self.rnn = getattr(torch.nn, name)(I, 5, 2, **options)
            self.linear = torch.nn.Linear(10, O)

        def forward(self, x):
            """The outputs of every step."""
            return self.linear(self.rnn(x)[0])

    network, file = Model(), tmp_path / "model.onnx"
    x = torch.tensor(X.swapaxes(0, 1) if batch_first else X)
    options = {"dynamic_axes": {"x": {0: "first", 1: "second"}} if dynamic else None}
    with warnings.catch_warnings(action="ignore"):  # it is the exporter that needs nothing more
        torch.onnx.export(network, (x,), file, input_names=["x"], dynamo=False, **options)
    params, options = kernels.from_onnx(file)
    y, _ = kernels.rnn(params, X, **options)
    want = network(x).detach().numpy()
    np.testing.assert_allclose(y, want.swapaxes(0, 1) if batch_first else want, **CLOSE)
