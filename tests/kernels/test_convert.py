"""Weights moved from and to other libraries: the same outputs and gradients on either side."""

import sys

import jax
import numpy as np
import pytest

import kernels
import reference
from kernels import convert
from kernels.convert import shared
from reference import CELLS, oracle

X = jax.random.normal(jax.random.key(4), (6, 2, 5))
DY = jax.random.normal(jax.random.key(6), (6, 2, 3))
CLOSE = {"rtol": 0, "atol": 1e-5}


def params_of(cell):
    return reference.init(jax.random.key(3), 5, 7, 3, cell=cell)


def state_of(cell):
    keys = jax.random.split(jax.random.key(5), len(CELLS[cell].states))
    return tuple(jax.random.normal(key, (2, 7)) / 2 for key in keys)


def close(got, want):
    jax.tree.map(lambda one, other: np.testing.assert_allclose(one, other, **CLOSE), got, want)


def equal(one, other):
    assert jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), one) == jax.tree.map(
        lambda leaf: (leaf.shape, leaf.dtype), other
    )
    jax.tree.map(np.testing.assert_array_equal, one, other)


def expected(cell):
    """y, the last state, and derivatives of sum(DY y) by params and x, of the oracle."""
    arguments = params_of(cell), X, state_of(cell)
    want = oracle.forward(CELLS[cell], *arguments)
    zeros = tuple(map(np.zeros_like, want.last))
    slopes = oracle.backward(CELLS[cell], *arguments, want.h, DY, zeros)
    return want.y, want.last, reference.single(slopes.weights, slopes.readout), slopes.x


@pytest.mark.parametrize("library", ["torch", "flax"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("cell", ["relu", "gru", "lstm"])
def test_there_and_back_is_the_same(library, dtype, cell):
    pytest.importorskip(library)
    params = jax.tree.map(lambda leaf: leaf.astype(dtype), params_of(cell))
    there, back = getattr(kernels, f"to_{library}"), getattr(kernels, f"from_{library}")
    equal(back(*there(params, cell=cell)), params)
    without = params._replace(readout=None)
    rnn, linear = there(without, cell=cell)
    assert linear is None
    equal(back(rnn), without)


@pytest.mark.parametrize("cell", CELLS)
def test_ours_gives_the_same_in_torch(cell):
    torch = pytest.importorskip("torch")
    rnn, linear = kernels.to_torch(params_of(cell), cell=cell)
    x = convert.tensor(X).requires_grad_()
    state = [convert.tensor(each)[None] for each in state_of(cell)]
    h, last = rnn(x, tuple(state) if cell == "lstm" else state[0])
    y = linear(h)
    y.backward(convert.tensor(DY))
    halves = (rnn.weight_ih_l0, rnn.weight_hh_l0, rnn.bias_ih_l0, rnn.bias_hh_l0)
    in_torch = shared.Halves(*(convert.array(each.grad).T for each in halves))
    weights = shared.gradients(CELLS[cell], in_torch, shared.TORCH[cell])
    readout = reference.Readout(linear.weight.grad.T.numpy(), linear.bias.grad.numpy())
    last = [each.detach()[0].numpy() for each in (last if cell == "lstm" else (last,))]
    slopes = reference.single(weights, readout), x.grad.numpy()
    close((y.detach().numpy(), tuple(last), *slopes), expected(cell))
    assert torch.equal(rnn.bias_hh_l0[:7], torch.zeros(7))


@pytest.mark.parametrize("cell", CELLS)
def test_ours_gives_the_same_in_flax(cell):
    nnx = pytest.importorskip("flax.nnx")
    graph, weights, rest = nnx.split(kernels.to_flax(params_of(cell), cell=cell), nnx.Param, ...)

    def run(weights, x):
        rnn, linear = nnx.merge(graph, weights, rest)
        state = state_of(cell)[::-1]  # (c, h)
        last, h = rnn(x, initial_carry=state if cell == "lstm" else state[0], return_carry=True)
        return linear(h), last[::-1] if cell == "lstm" else (last,)

    y, vjp, last = jax.vjp(run, weights, X, has_aux=True)
    in_flax, dx = vjp(DY)
    # Flax's weights are linear in ours: what carries cotangents back to ours is the transpose.
    pull = jax.vjp(
        lambda params: nnx.state(kernels.to_flax(params, cell=cell), nnx.Param), params_of(cell)
    )[1]
    close((y, last, *pull(in_flax), dx), expected(cell))


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(
    ("cell", "name", "options"),
    [
        ("relu", "RNN", {"nonlinearity": "relu"}),
        ("tanh", "RNN", {"batch_first": True}),
        ("gru", "GRU", {}),
        ("lstm", "LSTM", {}),
    ],
)
def test_a_layer_made_by_torch_gives_the_same_outputs(cell, name, options, bias):
    torch = pytest.importorskip("torch")
    torch.manual_seed(5)
    rnn = getattr(torch.nn, name)(5, 7, bias=bias, **options)
    linear = torch.nn.Linear(7, 3, bias=bias)
    x = convert.tensor(X)
    h, _ = rnn(x.transpose(0, 1) if rnn.batch_first else x)
    y = linear(h.transpose(0, 1) if rnn.batch_first else h).detach().numpy()
    ours, _ = kernels.rnn(kernels.from_torch(rnn, linear), X, cell=cell)
    close(ours, y)


@pytest.mark.parametrize("use_bias", [False, True])
@pytest.mark.parametrize(
    ("cell", "name"),
    [
        ("relu", "SimpleCell"),
        ("tanh", "SimpleCell"),
        ("gru", "GRUCell"),
        ("lstm", "LSTMCell"),
        ("lstm", "OptimizedLSTMCell"),
    ],
)
def test_a_layer_made_by_flax_gives_the_same_outputs(cell, name, use_bias):
    nnx = pytest.importorskip("flax.nnx")
    rngs, options = nnx.Rngs(5), {"bias_init": nnx.initializers.normal(1.0)}
    if name == "SimpleCell":
        options |= {"activation_fn": getattr(nnx, cell)}
    rnn = nnx.RNN(getattr(nnx, name)(5, 7, rngs=rngs, **options), rngs=rngs)
    linear = nnx.Linear(7, 3, use_bias=use_bias, rngs=rngs)
    y = linear(rnn(X.swapaxes(0, 1))).swapaxes(0, 1)
    ours, _ = kernels.rnn(kernels.from_flax(rnn, linear), X, cell=cell)
    close(ours, y)


def test_what_torch_layers_are_refused():
    nn = pytest.importorskip("torch.nn")
    for refused, error, sentence in (
        (nn.ReLU(), TypeError, "rnn is a ReLU; expected torch's RNN, GRU or LSTM"),
        (nn.RNN(5, 7, num_layers=2), ValueError, "rnn has num_layers 2; expected 1"),
        (nn.GRU(5, 7, bidirectional=True), ValueError, "rnn has bidirectional True; expected F"),
        (nn.LSTM(5, 7, proj_size=3), ValueError, "rnn has proj_size 3; expected 0"),
        (nn.GRU(5, 7, 2, dropout=0.5), ValueError, "rnn has num_layers 2"),
    ):
        with pytest.raises(error, match=sentence):
            kernels.from_torch(refused)
    dropping = nn.LSTM(5, 7)
    dropping.dropout = 0.5
    with pytest.raises(ValueError, match=r"rnn has dropout 0\.5; expected 0"):
        kernels.from_torch(dropping)
    with pytest.raises(ValueError, match="linear reads 8 features; expected 7, the hidden size"):
        kernels.from_torch(nn.RNN(5, 7), nn.Linear(8, 3))
    with pytest.raises(TypeError, match="linear is a ReLU; expected torch's Linear"):
        kernels.from_torch(nn.RNN(5, 7), nn.ReLU())
    with pytest.raises(TypeError, match=r"torch\.float64; expected JAX's jax_enable_x64 to be on"):
        kernels.from_torch(nn.RNN(5, 7).double())


def test_what_flax_layers_are_refused():
    nnx = pytest.importorskip("flax.nnx")
    rngs = nnx.Rngs(0)
    cell = nnx.SimpleCell(5, 7, rngs=rngs)

    def rnn(name, **options):
        return nnx.RNN(getattr(nnx, name)(7, 7, rngs=rngs, **options))

    for refused, error, sentence in (
        (cell, TypeError, "rnn is a SimpleCell; expected flax's RNN"),
        (nnx.RNN(nnx.Linear(5, 7, rngs=rngs)), TypeError, "rnn.cell is a Linear; expected flax's"),
        (nnx.RNN(cell, reverse=True), ValueError, "rnn has reverse True; expected False"),
        (rnn("SimpleCell", residual=True), ValueError, "residual True; expected False"),
        (rnn("SimpleCell", activation_fn=nnx.gelu), ValueError, "fn gelu; .*nnx's relu or tanh"),
        (rnn("GRUCell", activation_fn=nnx.relu), ValueError, "activation_fn relu; .*nnx's tanh"),
        (rnn("LSTMCell", gate_fn=nnx.relu), ValueError, "gate_fn relu; .*flax.nnx's sigmoid"),
    ):
        with pytest.raises(error, match=sentence):
            kernels.from_flax(refused)
    with pytest.raises(ValueError, match="linear reads 8 features; expected 7, the hidden size"):
        kernels.from_flax(nnx.RNN(cell), nnx.Linear(8, 3, rngs=rngs))


@pytest.mark.parametrize("library", ["torch", "flax"])
def test_bad_arguments_are_one_sentence(library):
    pytest.importorskip(library)
    there = getattr(kernels, f"to_{library}")
    with pytest.raises(ValueError, match="cell is 'gelu'; expected one of 'relu', 'tanh'"):
        there(params_of("relu"), cell="gelu")
    with pytest.raises(ValueError, match=r"w_h has shape \(7, 21\); .*of cell 'lstm'"):
        there(params_of("gru"), cell="lstm")


@pytest.mark.parametrize("library", ["torch", "flax"])
def test_a_missing_library_is_named(library, monkeypatch):
    for module in (library, f"{library}.nnx"):
        monkeypatch.setitem(sys.modules, module, None)
    for direction in ("to", "from"):
        with pytest.raises(ImportError, match=f"needs {library}: .* pip install {library}$"):
            getattr(kernels, f"{direction}_{library}")(params_of("relu"))


@pytest.mark.parametrize("library", ["torch", "flax"])
def test_a_bias_of_one_row_is_a_bias(library):
    pytest.importorskip(library)
    params = params_of("gru")
    weights, readout = params.layers[0].forward, params.readout
    row = weights._replace(b=weights.b[None]), readout._replace(b=readout.b[None])
    there, back = getattr(kernels, f"to_{library}"), getattr(kernels, f"from_{library}")
    equal(back(*there(reference.single(*row), cell="gru")), params)
