"""The scan RNN and the NumPy oracle, each against the formula and against the other."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import reference
from reference import CELLS, Layer, Readout, Weights, gathered, oracle, spread


def test_mission_example():
    """The example that the project began with, biases shaped (1, n) and passed as they are."""
    keys = jax.random.split(jax.random.PRNGKey(100), 6)
    x, w_xh, w_hh, w_ho, b_t, b_o = (
        jax.random.normal(key, shape)
        for key, shape in zip(
            keys, [(50, 128), (128, 256), (256, 256), (256, 128), (1, 256), (1, 128)], strict=True
        )
    )
    h0 = jnp.linspace(-1, 1, 50 * 256).reshape(50, 256)
    params = reference.single(Weights(w_xh, w_hh, b_t), Readout(w_ho, b_o))
    y, h = reference.rnn(params, x[None], h0)
    expected = np.maximum(np.asarray(x) @ w_xh + np.asarray(h0) @ w_hh + b_t, 0)
    np.testing.assert_allclose(h, expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(y[0], expected @ w_ho + b_o, rtol=1e-4, atol=1e-3)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def by_the_formula(cell, slots, h, c=None):
    """The state after one step of one unit, from all that its slots add up to."""
    match cell:
        case "relu":
            return (max(slots[0], 0),)
        case "tanh":
            return (np.tanh(slots[0]),)
        case "gru":
            n_x, r, z, n_h = slots
            n = np.tanh(n_x + sigmoid(r) * n_h)
            return ((1 - sigmoid(z)) * n + sigmoid(z) * h,)
        case "lstm":
            i, f, g, o = slots
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            return sigmoid(o) * np.tanh(c), c


@pytest.mark.parametrize("cell", CELLS)
def test_one_step_of_one_unit(cell, float64):
    """Through every road that a number may take: input, recurrent weights and biases."""
    kind, S = CELLS[cell], len(CELLS[cell].slots)
    slots, before = np.arange(1, S + 1) / 10, (0.5, 0.25)[: len(kind.states)]
    want = by_the_formula(cell, slots, *before)
    # What a slot adds up to is split: x brings 1, the product 1/2, the bias what is missing.
    w_x, w_h, parts = np.full(kind.from_x, 1.0), np.full(kind.from_h, 1.0), np.zeros(S)
    parts[: kind.from_x] += w_x
    parts[S - kind.from_h :] += before[0] * w_h
    weights = Weights(w_x[None], w_h[None], slots - parts)
    params = reference.single(jax.tree.map(jnp.asarray, weights))
    x, state = jnp.ones((1, 1, 1)), tuple(jnp.full((1, 1), each) for each in before)
    _, last = reference.rnn(params, x, state if kind.carried else state[0], cell=cell)
    got = oracle.forward(kind, params, x, state).last
    for one, other, expected in zip(jax.tree.leaves(last), got, want, strict=True):
        np.testing.assert_allclose(one[0, 0], expected, rtol=1e-14)
        np.testing.assert_allclose(other[0, 0], expected, rtol=1e-14)


def a_problem(cell):
    """Params, x, an initial state as users have it, and the same as a tuple."""
    params = reference.init(jax.random.key(0), 5, 7, 3, jnp.float64, cell=cell)
    x = jax.random.normal(jax.random.key(1), (6, 4, 5), jnp.float64)
    state = tuple(jax.random.normal(jax.random.key(2), (len(CELLS[cell].states), 4, 7)))
    return params, x, state if CELLS[cell].carried else state[0], state


@pytest.mark.parametrize("cell", CELLS)
def test_scan_is_the_oracle(cell, float64):
    params, x, initial, state = a_problem(cell)
    y, every = reference.rnn(params, x, initial, cell=cell, states="all")
    h, *carried = jax.tree.leaves(every)
    expected = oracle.forward(CELLS[cell], params, x, state)
    pairs = [(h, expected.h[0]), (h[-1], expected.last[0]), (y, expected.y)]
    pairs += [(each[-1], last) for each, last in zip(carried, expected.last[1:], strict=True)]
    for got, want in pairs:
        np.testing.assert_allclose(got, want, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("cell", ["relu", "lstm"])
def test_states_and_the_default_initial_state(cell, float64):
    params, x, initial, _ = a_problem(cell)
    _, every = reference.rnn(params, x, cell=cell, states="all")
    _, last = reference.rnn(params, x, jax.tree.map(jnp.zeros_like, initial), cell=cell)
    assert jax.tree.structure(every) == jax.tree.structure(last)
    jax.tree.map(lambda all, one: np.testing.assert_array_equal(all[-1], one), every, last)


@pytest.mark.parametrize("with_readout", [True, False])
@pytest.mark.parametrize("cell", CELLS)
def test_bptt_by_hand_is_jax_grad(cell, with_readout, float64):
    params, x, initial, state = a_problem(cell)
    params = params if with_readout else params._replace(readout=None)
    y, vjp = jax.vjp(partial(reference.rnn, cell=cell), params, x, initial)
    cotangents = jax.tree.map(lambda a: jnp.cos(jnp.arange(a.size)).reshape(a.shape), y)
    h = oracle.forward(CELLS[cell], params, x, state).h
    dlast = jax.tree.leaves(cotangents[1])
    got = oracle.backward(CELLS[cell], params, x, state, h, cotangents[0], tuple(dlast))
    leaves = jax.tree.leaves(got), jax.tree.leaves(vjp(cotangents))
    for by_hand, by_jax in zip(*leaves, strict=True):
        np.testing.assert_allclose(by_hand, by_jax, rtol=1e-12, atol=1e-12)


def a_stack(cell, bidirectional):
    """Two layers, both ways or forward and then reverse; and a state of every direction."""
    params = reference.init(
        jax.random.key(0), 5, 7, 3, jnp.float64, cell=cell, layers=2, bidirectional=bidirectional
    )
    if not bidirectional:
        first, second = params.layers
        params = params._replace(layers=(first, Layer(None, second.forward)))
    keys = iter(jax.random.split(jax.random.key(2), 4))
    shape = (len(CELLS[cell].states), 4, 7)
    states = tuple(
        Layer(*(way and tuple(jax.random.normal(next(keys), shape)) for way in layer))
        for layer in params.layers
    )
    return params, states


def alone(cell, params, states):
    """As users have them: h alone, where nothing is carried beside it."""
    if CELLS[cell].carried:
        return states
    own = [Layer(*(way and way[0] for way in layer)) for layer in spread(params, states)]
    return gathered(params, tuple(own))


@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("cell", ["relu", "gru", "lstm"])
def test_layers_directions_and_lengths(cell, bidirectional, float64):
    """Outputs and every gradient of the scan are the oracle's."""
    params, states = a_stack(cell, bidirectional)
    kind, lengths = CELLS[cell], np.array([0, 6, 3, 4])
    x = jax.random.normal(jax.random.key(1), (6, 4, 5))
    run = partial(reference.rnn, lengths=lengths, cell=cell)
    got, vjp = jax.vjp(run, params, x, alone(cell, params, states))
    want = oracle.forward(kind, params, x, states, lengths)
    dy, dlast = jax.tree.map(
        lambda a: jnp.cos(jnp.arange(a.size)).reshape(a.shape), (want.y, want.last)
    )
    slopes = oracle.backward(kind, params, x, states, want.h, dy, dlast, lengths)
    made = vjp((dy, alone(cell, params, dlast)))
    pairs = jax.tree.leaves((got, made)), jax.tree.leaves((want.y, want.last, slopes))
    for by_scan, by_hand in zip(*pairs, strict=True):
        np.testing.assert_allclose(by_scan, by_hand, rtol=1e-12, atol=1e-12)


def test_a_sequence_ends_where_its_length_says(float64):
    """Each row is what it is alone, cut off there; the reverse direction begins there."""
    params, x, _, _ = a_problem("lstm")
    weights, lengths = params.layers[0].forward, [2, 6, 0, 5]
    for layer in (Layer(weights), Layer(None, weights)):
        one_way = params._replace(layers=(layer,))
        y, last = reference.rnn(one_way, x, lengths=np.array(lengths), cell="lstm")
        for b, n in enumerate(lengths):
            own, own_last = reference.rnn(one_way, x[:n, b : b + 1], cell="lstm")
            np.testing.assert_array_equal(y[n:, b], 0)
            np.testing.assert_allclose(y[:n, b], own[:, 0], rtol=1e-13)
            jax.tree.map(
                lambda all, one, b=b: np.testing.assert_allclose(all[b], one[0]), last, own_last
            )


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_the_derivative_of_a_step_is_jax_vjp(cell, float64):
    """Of every slot, and of the state before; `exact_vjp` says the same in NumPy."""
    S, n = len(cell.slots), len(cell.states)
    draws = jax.random.normal(jax.random.key(3), (S + 2 * n, 4, 7))
    slots, before, dafter = list(draws[:S]), tuple(draws[S : S + n]), tuple(draws[S + n :])
    (after, saved), vjp = jax.vjp(cell.step, slots, before)
    want = vjp((dafter, jax.tree.map(jnp.zeros_like, saved)))
    exact_after, exact_saved = cell.exact([np.asarray(each) for each in slots], before)
    halves = (
        cell.step_vjp(dafter, saved, before, after),
        cell.exact_vjp(dafter, exact_saved, before, exact_after),
    )
    for dslots, dbefore in halves:
        for got, expected in zip((*dslots, *dbefore), jax.tree.leaves(want), strict=True):
            np.testing.assert_allclose(
                np.broadcast_to(got, expected.shape), expected, rtol=1e-12, atol=1e-14
            )


def test_integers_are_refused():
    params = reference.init(jax.random.key(0), 5, 7, 3)
    weights = params.layers[0].forward
    with pytest.raises(TypeError, match="x has dtype int32; expected a floating dtype"):
        reference.rnn(params, jnp.ones((6, 4, 5), int))
    integers = reference.single(weights._replace(w_h=jnp.ones((7, 7), int)), params.readout)
    with pytest.raises(TypeError, match="w_h has dtype int32; expected a floating dtype"):
        reference.rnn(integers, jnp.ones((6, 4, 5)))


@pytest.mark.parametrize("cell", ["relu", "gru"])
def test_init_is_a_contraction(cell):
    """In every slot; no leaf is left at zero, biases are small."""
    params = reference.init(jax.random.key(3), 16, 64, 8, cell=cell)
    weights, readout = params.layers[0].forward, params.readout
    for each in np.split(np.asarray(weights.w_h), CELLS[cell].from_h, axis=1):
        singular = np.linalg.svd(each, compute_uv=False)
        np.testing.assert_allclose(singular, 0.9, rtol=1e-5)
    assert all(leaf.std() > 0.05 for leaf in jax.tree.leaves(params))
    assert all(bias.std() < 0.2 for bias in (weights.b, readout.b))
    stored = reference.init(jax.random.key(3), 2, 3, 1, jnp.bfloat16, cell=cell)
    assert {leaf.dtype for leaf in jax.tree.leaves(stored)} == {jnp.dtype("bfloat16")}


def test_an_unknown_cell_is_refused_in_words():
    with pytest.raises(ValueError, match="cell is 'gruu'; expected one of 'relu', 'tanh'"):
        reference.init(jax.random.key(0), 1, 2, 3, cell="gruu")
