"""Layers of Flax and ours: the same outputs, states and gradients, also of uneven sequences."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import converted
from helpers.converted import LENGTHS
from hypothesis import given
from hypothesis import strategies as st

import kernels
from reference import CELLS, spread

nnx = pytest.importorskip("flax.nnx")

STRUCTURES = {
    "forward": ((True, False),),
    "reverse": ((False, True),),
    "both": ((True, True),),
    "both twice": ((True, True), (True, True)),
    "each once": ((False, True), (True, True), (True, False)),
}


def carries(cell, params, state):
    """Each layer's as Flax has it: of two directions a pair, of an lstm (c, h)."""

    def carry(layer):
        ways = [each[::-1] if cell == "lstm" else each for each in layer if each is not None]
        return tuple(ways) if len(ways) == 2 else ways[0]

    return [carry(layer) for layer in spread(params, state)]


def run(layers, linear, lengths, x, state):
    """Outputs of all steps, zero in the padding, and the last carries."""
    last = []
    for layer, carry in zip(layers if isinstance(layers, list) else [layers], state, strict=True):
        carry, x = layer(x, initial_carry=carry, seq_lengths=lengths, return_carry=True)
        last.append(carry)
    return linear(x) * converted.held(lengths), last


def in_flax(cell, lengths, params, x, state, dy, dlast):
    """As `converted.ours`, with states as Flax has them."""
    there = partial(kernels.to_flax, cell=cell)
    graph, weights, rest = nnx.split(there(params), nnx.Param, ...)

    def outputs(weights, x, state):
        return run(*nnx.merge(graph, weights, rest), lengths, x, state)

    values, vjp = jax.vjp(outputs, weights, x, carries(cell, params, state))
    in_flax, dx, dstate = vjp((dy, carries(cell, params, dlast)))
    # Flax's weights are linear in ours: what carries cotangents back to ours is the transpose.
    pull = jax.vjp(lambda params: nnx.state(there(params), nnx.Param), params)[1]
    return values, pull(in_flax), dx, dstate


def hold(cell, structure, lengths):
    arguments = converted.arguments(cell, structure)
    params = arguments[0]
    y, last, dparams, dx, dstate = converted.ours(cell, lengths, *arguments)
    want = y, carries(cell, params, last), dparams, dx, carries(cell, params, dstate)
    converted.close(in_flax(cell, lengths, *arguments), want)


@pytest.mark.parametrize("structure", STRUCTURES.values(), ids=STRUCTURES.keys())
@pytest.mark.parametrize("cell", CELLS)
def test_ours_gives_the_same_in_flax(cell, structure, float64):
    hold(cell, structure, None)


@pytest.mark.parametrize("cell", CELLS)
@given(structure=st.sampled_from(list(STRUCTURES.values())), lengths=LENGTHS)
def test_uneven_sequences_give_the_same(cell, structure, lengths):
    with jax.enable_x64(True):
        hold(cell, structure, lengths)


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
    """What they are to do in another order, a `Bidirectional` tells its two itself."""
    rngs = nnx.Rngs(5)
    options = {"bias_init": nnx.initializers.normal(1.0), "rngs": rngs}
    if name == "SimpleCell":
        options |= {"activation_fn": getattr(nnx, cell)}

    def rnn(size, **order):
        return nnx.RNN(getattr(nnx, name)(size, 7, **options), rngs=rngs, **order)

    both = nnx.Bidirectional(rnn(7, reverse=True), rnn(7), rngs=rngs)
    layers = nnx.Sequential(rnn(5, reverse=True, keep_order=True), both)
    linear = nnx.Linear(14, 3, use_bias=use_bias, rngs=rngs)
    x = jnp.asarray(np.random.default_rng(4).standard_normal((6, 2, 5)), jnp.float32)
    y = linear(layers(x.swapaxes(0, 1))).swapaxes(0, 1)
    for given_as in (layers, list(layers), tuple(layers)):
        got, _ = kernels.rnn(kernels.from_flax(given_as, linear), x, cell=cell)
        np.testing.assert_allclose(got, y, rtol=0, atol=1e-5)


RNGS = nnx.Rngs(0)


def simple(size=5, hidden=7, **options):
    return nnx.SimpleCell(size, hidden, rngs=RNGS, **options)


def rnn(name, **options):
    return nnx.RNN(getattr(nnx, name)(7, 7, rngs=RNGS, **options))


def both(forward, backward, **options):
    return nnx.Bidirectional(nnx.RNN(forward), nnx.RNN(backward), **options)


@pytest.mark.parametrize(
    ("refused", "error", "sentence"),
    [
        (simple(), TypeError, "rnn is a SimpleCell; expected flax's RNN or Bidirectional"),
        ([nnx.RNN(simple()), nnx.relu], TypeError, r"rnn\[1\] is a .*; expected flax's RNN or"),
        ([], ValueError, "rnn is empty; expected at least one layer"),
        (nnx.RNN(nnx.Linear(5, 7, rngs=RNGS)), TypeError, "rnn.cell is a Linear; expected flax's"),
        (nnx.RNN(simple(), reverse=True), ValueError, "reversed and has keep_order False; .* True"),
        (rnn("SimpleCell", residual=True), ValueError, "residual True; expected False"),
        (rnn("SimpleCell", activation_fn=nnx.gelu), ValueError, "fn gelu; .*nnx's relu or tanh"),
        (rnn("GRUCell", activation_fn=nnx.relu), ValueError, "activation_fn relu; .*nnx's tanh"),
        (rnn("LSTMCell", gate_fn=nnx.relu), ValueError, "gate_fn relu; .*flax.nnx's sigmoid"),
        (
            [rnn("GRUCell"), rnn("LSTMCell")],
            ValueError,
            r"rnn\[1\]\.cell is of cell 'lstm'; expected 'gru', that of rnn\[0\]\.cell",
        ),
        (
            both(simple(), simple(activation_fn=nnx.relu)),
            ValueError,
            r"rnn\.backward_rnn\.cell is of cell 'relu'; expected 'tanh', that of rnn\.forward",
        ),
        (both(simple(), simple(), merge_fn=jnp.add), ValueError, "rnn has a merge_fn of its own"),
        (
            nnx.Bidirectional(both(simple(), simple()), nnx.RNN(simple())),
            TypeError,
            "rnn.forward_rnn is a Bidirectional; expected flax's RNN",
        ),
        (both(simple(), simple(6)), ValueError, "rnn reads 6 features; expected 5"),
        (both(simple(), simple(5, 8)), ValueError, "rnn has hidden size 8 in reverse; expected 7"),
        (
            [both(simple(), simple()), nnx.RNN(simple(7))],
            ValueError,
            r"rnn\[1\] reads 7 features; expected 14",
        ),
    ],
)
def test_what_flax_layers_are_refused(refused, error, sentence):
    with pytest.raises(error, match=sentence):
        kernels.from_flax(refused)


def test_a_linear_that_does_not_read_the_outputs_is_refused():
    linear = nnx.Linear(7, 3, rngs=RNGS)
    with pytest.raises(ValueError, match="linear reads 7 features; expected 14, as many as rnn"):
        kernels.from_flax(both(simple(), simple()), linear)
    with pytest.raises(TypeError, match="linear is a SimpleCell; expected flax's Linear"):
        kernels.from_flax(nnx.RNN(simple()), simple())
