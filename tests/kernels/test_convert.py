"""Weights moved from and to other libraries: the same outputs on either side."""

import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import kernels
import reference
from kernels import convert
from reference import oracle

PARAMS = reference.init(jax.random.key(3), input_size=5, hidden_size=7, output_size=3)
X = jax.random.normal(jax.random.key(4), (6, 2, 5))
CLOSE = {"rtol": 0, "atol": 1e-5}


def expected(params, activation, x=X):
    h0 = np.zeros((x.shape[1], params.w_hh.shape[0]))
    return oracle.forward(params, x, h0, activation=activation)


def equal(one, other):
    assert jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), one) == jax.tree.map(
        lambda leaf: (leaf.shape, leaf.dtype), other
    )
    jax.tree.map(np.testing.assert_array_equal, one, other)


@pytest.mark.parametrize("library", ["torch", "flax"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_there_and_back_is_the_same(library, dtype):
    pytest.importorskip(library)
    params = jax.tree.map(lambda leaf: leaf.astype(dtype), PARAMS)
    there, back = getattr(kernels, f"to_{library}"), getattr(kernels, f"from_{library}")
    equal(back(*there(params)), params)
    empty = params._replace(w_ho=params.w_ho[:, :0], b_o=params.b_o[:0])
    equal(back(there(params)[0]), empty)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_a_layer_made_by_torch_gives_the_same_outputs(activation, batch_first, bias):
    torch = pytest.importorskip("torch")
    torch.manual_seed(5)
    options = {"nonlinearity": activation, "batch_first": batch_first, "bias": bias}
    rnn, linear = torch.nn.RNN(5, 7, **options), torch.nn.Linear(7, 3, bias=bias)
    x = convert.tensor(X)
    h, _ = rnn(x.transpose(0, 1) if batch_first else x)
    y = linear(h.transpose(0, 1) if batch_first else h).detach().numpy()
    ours, _ = kernels.rnn(kernels.from_torch(rnn, linear), X, activation=rnn.nonlinearity)
    np.testing.assert_allclose(ours, y, **CLOSE)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_ours_gives_the_same_outputs_in_torch(activation):
    torch = pytest.importorskip("torch")
    rnn, linear = kernels.to_torch(PARAMS, activation)
    with torch.no_grad():
        y = linear(rnn(convert.tensor(X))[0])
    np.testing.assert_allclose(y, expected(PARAMS, activation).y, **CLOSE)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("use_bias", [False, True])
def test_a_layer_made_by_flax_gives_the_same_outputs(activation, use_bias):
    nnx = pytest.importorskip("flax.nnx")
    rngs = nnx.Rngs(5)
    cell = nnx.SimpleCell(5, 7, activation_fn=reference.ACTIVATIONS[activation], rngs=rngs)
    rnn, linear = nnx.RNN(cell), nnx.Linear(7, 3, use_bias=use_bias, rngs=rngs)
    y = linear(rnn(X.swapaxes(0, 1))).swapaxes(0, 1)
    ours, _ = kernels.rnn(kernels.from_flax(rnn, linear), X, activation=activation)
    np.testing.assert_allclose(ours, y, **CLOSE)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_ours_gives_the_same_outputs_in_flax(activation):
    pytest.importorskip("flax")
    rnn, linear = kernels.to_flax(PARAMS, activation)
    np.testing.assert_allclose(linear(rnn(X)), expected(PARAMS, activation).y, **CLOSE)


def test_what_torch_layers_are_refused():
    nn = pytest.importorskip("torch.nn")
    for refused, error, sentence in (
        (nn.LSTM(5, 7), TypeError, "rnn is a LSTM; expected torch's RNN"),
        (nn.RNN(5, 7, num_layers=2), ValueError, "rnn has num_layers 2; expected 1"),
        (nn.RNN(5, 7, bidirectional=True), ValueError, "rnn has bidirectional True; expected F"),
    ):
        with pytest.raises(error, match=sentence):
            kernels.from_torch(refused)
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
    for refused, error, sentence in (
        (cell, TypeError, "rnn is a SimpleCell; expected flax's RNN"),
        (nnx.RNN(nnx.GRUCell(5, 7, rngs=rngs)), TypeError, "rnn.cell is a GRUCell; expected flax"),
        (nnx.RNN(nnx.SimpleCell(7, 7, residual=True, rngs=rngs)), ValueError, "residual True"),
    ):
        with pytest.raises(error, match=sentence):
            kernels.from_flax(refused)
    with pytest.raises(ValueError, match="linear reads 8 features; expected 7, the hidden size"):
        kernels.from_flax(nnx.RNN(cell), nnx.Linear(8, 3, rngs=rngs))


@pytest.mark.parametrize("library", ["torch", "flax"])
def test_an_unknown_activation_is_one_sentence(library):
    pytest.importorskip(library)
    with pytest.raises(ValueError, match="activation is 'gelu'; expected one of 'relu', 'tanh'"):
        getattr(kernels, f"to_{library}")(PARAMS, "gelu")


@pytest.mark.parametrize("library", ["torch", "flax"])
def test_a_missing_library_is_named(library, monkeypatch):
    for module in (library, f"{library}.nnx"):
        monkeypatch.setitem(sys.modules, module, None)
    for direction in ("to", "from"):
        with pytest.raises(ImportError, match=f"needs {library}: .* pip install {library}$"):
            getattr(kernels, f"{direction}_{library}")(PARAMS)


def test_a_bias_of_one_row_is_a_bias():
    pytest.importorskip("torch")
    row = PARAMS._replace(b_h=PARAMS.b_h[None], b_o=jnp.asarray(PARAMS.b_o)[None])
    equal(kernels.from_torch(*kernels.to_torch(row)), PARAMS)
