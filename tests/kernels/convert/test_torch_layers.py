"""Layers of torch and ours: the same outputs, states and gradients, also of packed sequences."""

import jax
import numpy as np
import pytest
from helpers import converted
from helpers.converted import LENGTHS, T
from hypothesis import given
from hypothesis import strategies as st

import kernels
import reference
from kernels import convert
from kernels.convert import shared
from reference import CELLS, Layer

torch = pytest.importorskip("torch")
nn = torch.nn
NAMES = "weight_ih", "weight_hh", "bias_ih", "bias_hh"


def gradients(cell, rnn, linear):
    """By our params, of what torch has by its own."""

    def direction(ending):
        grads = [convert.array(getattr(rnn, name + ending).grad).T for name in NAMES]
        return shared.gradients(CELLS[cell], shared.Halves(*grads), shared.TORCH[cell])

    endings = ("", "_reverse") if rnn.bidirectional else ("",)
    layers = [Layer(*(direction(f"_l{n}{e}") for e in endings)) for n in range(rnn.num_layers)]
    readout = reference.Readout(linear.weight.grad.T.numpy(), linear.bias.grad.numpy())
    return reference.Params(tuple(layers), readout)


def run(rnn, lengths, x, state):
    """Outputs of all steps, zero in the padding, and the last state."""
    if lengths is None:
        return rnn(x, state)
    pack, pad = nn.utils.rnn.pack_padded_sequence, nn.utils.rnn.pad_packed_sequence
    packed, last = rnn(pack(x, torch.from_numpy(lengths), enforce_sorted=False), state)
    return pad(packed, total_length=T)[0], last


def in_torch(cell, lengths, params, x, state, dy, dlast):
    """As `converted.ours`, with states as torch has them."""
    rnn, linear = kernels.to_torch(params, cell=cell)
    x = convert.tensor(x).requires_grad_()
    state = [convert.tensor(part).requires_grad_() for part in converted.parts(cell, state)]
    h, last = run(rnn, lengths, x, tuple(state) if cell == "lstm" else state[0])
    y = linear(h) * convert.tensor(converted.held(lengths))
    outputs = y, *(last if cell == "lstm" else (last,))
    torch.autograd.backward(
        outputs, [convert.tensor(each) for each in (dy, *converted.parts(cell, dlast))]
    )
    values = [each.detach().numpy() for each in outputs]
    return values, gradients(cell, rnn, linear), x.grad.numpy(), [s.grad.numpy() for s in state]


def hold(cell, layers, bidirectional, lengths):
    arguments = converted.arguments(cell, ((True, bidirectional),) * layers)
    y, last, dparams, dx, dstate = converted.ours(cell, lengths, *arguments)
    values = y, converted.parts(cell, last)
    want = values, dparams, dx, converted.parts(cell, dstate)
    converted.close(in_torch(cell, lengths, *arguments), want)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("cell", CELLS)
def test_ours_gives_the_same_in_torch(cell, layers, bidirectional, float64):
    hold(cell, layers, bidirectional, None)


@pytest.mark.parametrize("cell", CELLS)
@given(layers=st.integers(1, 3), bidirectional=st.booleans(), lengths=LENGTHS)
def test_packed_sequences_give_the_same(cell, layers, bidirectional, lengths):
    with jax.enable_x64(True):
        hold(cell, layers, bidirectional, lengths)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(
    ("cell", "name", "options"),
    [
        ("relu", "RNN", {"nonlinearity": "relu"}),
        ("tanh", "RNN", {"batch_first": True}),
        ("gru", "GRU", {"num_layers": 2}),
        ("lstm", "LSTM", {"num_layers": 2, "bidirectional": True, "batch_first": True}),
    ],
)
def test_a_layer_made_by_torch_gives_the_same(cell, name, options, bias, float64):
    torch.manual_seed(5)
    rnn = getattr(nn, name)(5, 7, bias=bias, **options).double()
    linear = nn.Linear(14 if rnn.bidirectional else 7, 3, bias=bias).double()
    ours = np.random.default_rng(4).standard_normal((6, 2, 5))
    x = torch.from_numpy(ours)
    h, last = rnn(x.transpose(0, 1) if rnn.batch_first else x)
    y = linear(h.transpose(0, 1) if rnn.batch_first else h).detach().numpy()
    got, state = kernels.rnn(kernels.from_torch(rnn, linear), jax.numpy.asarray(ours), cell=cell)
    parts = [each.detach().numpy() for each in (last if cell == "lstm" else (last,))]
    converted.close((got, converted.parts(cell, state)), (y, parts))


def test_where_torch_has_two_biases_for_our_one_the_other_is_zero():
    params = reference.init(jax.random.key(3), 5, 7, 3, cell="gru", layers=2)
    rnn, _ = kernels.to_torch(params, cell="gru")
    assert torch.equal(rnn.bias_hh_l1[:14], torch.zeros(14))
    assert torch.all(rnn.bias_hh_l1[14:] != 0)


def test_what_torch_layers_are_refused():
    for refused, error, sentence in (
        (nn.ReLU(), TypeError, "rnn is a ReLU; expected torch's RNN, GRU or LSTM"),
        (nn.LSTM(5, 7, proj_size=3), ValueError, "rnn has proj_size 3; expected 0"),
        (nn.GRU(5, 7, 2, dropout=0.5), ValueError, r"rnn has dropout 0\.5; expected 0"),
    ):
        with pytest.raises(error, match=sentence):
            kernels.from_torch(refused)
    with pytest.raises(ValueError, match="linear reads 8 features; expected 7, as many as rnn"):
        kernels.from_torch(nn.RNN(5, 7), nn.Linear(8, 3))
    with pytest.raises(ValueError, match="linear reads 7 features; expected 14, as many as rnn"):
        kernels.from_torch(nn.RNN(5, 7, bidirectional=True), nn.Linear(7, 3))
    with pytest.raises(TypeError, match="linear is a ReLU; expected torch's Linear"):
        kernels.from_torch(nn.RNN(5, 7), nn.ReLU())
    with pytest.raises(TypeError, match=r"torch\.float64; expected JAX's jax_enable_x64 to be on"):
        kernels.from_torch(nn.RNN(5, 7).double())


@pytest.mark.parametrize(
    ("structure", "sentence"),
    [
        ([(False, True)], r"layers\[0\]\.forward is None; expected weights, for torch has no"),
        ([(True, True), (True, False)], r"layers\[1\] has directions: 1; expected 2, as the first"),
        ([(True, False), (True, True)], r"layers\[1\] has directions: 2; expected 1, as the first"),
    ],
)
def test_directions_that_torch_has_not_are_refused(structure, sentence, float64):
    with pytest.raises(ValueError, match=f"params.{sentence}"):
        kernels.to_torch(converted.model("gru", structure), cell="gru")


def test_layers_of_several_sizes_are_refused():
    first = reference.init(jax.random.key(0), 5, 7, 3).layers
    params = reference.Params(first + reference.init(jax.random.key(0), 7, 8, 3).layers)
    with pytest.raises(
        ValueError, match=r"params\.layers\[1\] has hidden size 8; expected 7, that"
    ):
        kernels.to_torch(params)
