"""A wrong kernel is found out: each fault that gates invite, planted around every kernel.

What judges is what judges all kernels: a case's program, its pairs, its tolerance. Faults that a
step may have are planted in one step alone, where the least is to be seen of them.
"""

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import pytest
from helpers.oracle_checks import runnable

from bench.cases.case import Case
from bench.cases.programs import functions, problem_of, program
from bench.cases.tolerance import tolerance
from bench.cases.workloads import Workload
from bench.contenders.subject import compiled
from kernels.contract import Slopes, Steps, Whole, WholeGradients
from kernels.registry import KERNELS, why_not
from reference import CELLS

SHAPE = Workload("small", T=6, B=4, I=3, H=8, O=2)
MIDDLE = 3  # of its steps
DTYPE = "bfloat16"  # whose tolerance is the widest
NAMES = runnable()
BY_HAND = [name for name in NAMES if KERNELS[name].backward is not None]
WHOLE = [name for name in NAMES if KERNELS[name].whole is not None]


def excess(kernel, cell, name, phase, scope="recurrence"):
    """How many times the tolerance the worst deviation is, of a kernel in the place of another."""
    case = Case(SHAPE, scope, phase, DTYPE, cell, name)
    if reason := why_not(name, problem_of(case)):
        pytest.skip(reason)
    subject = compiled(program(case, functions(case, kernel)))
    return subject.error(subject.call()) / tolerance(SHAPE, DTYPE, cell, phase)


def exchanged(array, names, pair):
    """The array with two slots' columns exchanged; `names` are those of its slots, in order."""
    if not set(pair) <= set(names):
        return array
    places = [pair[1 - pair.index(name)] if name in pair else name for name in names]
    blocks = dict(zip(names, jnp.split(array, len(names), axis=-1), strict=True))
    return jnp.concatenate([blocks[name] for name in places], axis=-1)


def names_of(cell):
    """The slots of pre-activations, and those of w_h."""
    return cell.slots[: cell.from_x], cell.slots[-cell.from_h :]


def gates_exchanged(kernel, *pair):
    def forward(run, pre, weights, initial, lengths, *, keep):
        from_x, from_h = names_of(run.cell)
        weights = weights._replace(w_h=exchanged(weights.w_h, from_h, pair))
        return kernel.forward(run, exchanged(pre, from_x, pair), weights, initial, None, keep=keep)

    return replace(kernel, forward=forward)


def derivatives_exchanged(kernel, *pair):
    def backward(run, *arguments):
        slots, initial, weights = kernel.backward(run, *arguments)
        if weights is None:
            return Slopes(exchanged(slots, run.cell.slots, pair), initial)
        from_x, from_h = names_of(run.cell)
        weights = weights._replace(w_h=exchanged(weights.w_h, from_h, pair))
        return Slopes(exchanged(slots, from_x, pair), initial, weights)

    return replace(kernel, backward=backward)


PAIRS = [("gru", "r", "z"), ("lstm", "i", "f"), ("lstm", "g", "o")]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("cell", "one", "other"), PAIRS)
def test_two_gates_exchanged(name, cell, one, other):
    wrong = gates_exchanged(KERNELS[name], one, other)
    assert excess(wrong, cell, name, "forward") > 1


@pytest.mark.parametrize("name", BY_HAND)
@pytest.mark.parametrize(("cell", "one", "other"), PAIRS)
def test_two_gates_exchanged_in_the_backward_pass(name, cell, one, other):
    wrong = derivatives_exchanged(KERNELS[name], one, other)
    assert excess(wrong, cell, name, "backward") > 1


def bias_beside_the_reset_gate(kernel):
    """n_h's bias is added to n_x: not multiplied by r."""

    def forward(run, pre, weights, initial, lengths, *, keep):
        pre = pre.at[..., : len(weights.w_h)].add(weights.b_h)
        without = weights._replace(b_h=jnp.zeros_like(weights.b_h))
        return kernel.forward(run, pre, without, initial, None, keep=keep)

    return replace(kernel, forward=forward)


def reset_before_the_product(kernel):
    """In the first step: tanh(n_x + (r h) W_n), not tanh(n_x + r (h W_n)).

    What the kernel adds, r (h W_n), is taken from n_x, and what it should not add is put there.
    """

    def forward(run, pre, weights, initial, lengths, *, keep):
        H, (h,) = len(weights.w_h), initial
        w_r, _, w_n = jnp.split(weights.w_h, 3, axis=1)
        r = jax.nn.sigmoid(pre[0, :, H : 2 * H] + h @ w_r)
        difference = (r * h) @ w_n - r * (h @ w_n)
        return kernel.forward(
            run, pre.at[0, :, :H].add(difference), weights, initial, None, keep=keep
        )

    return replace(kernel, forward=forward)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("fault", [bias_beside_the_reset_gate, reset_before_the_product])
def test_what_the_reset_gate_multiplies(name, fault):
    assert excess(fault(KERNELS[name]), "gru", name, "forward") > 1


def in_two_halves(kernel, between):
    """The kernel on one half of the steps after the other; `between` sees what passes back.

    It sees the derivatives of all slots, which not every kernel gives, as `scan` makes them.
    """
    scan = KERNELS["scan"]

    def forward(run, pre, weights, initial, lengths, *, keep):
        first = kernel.forward(run, pre[:MIDDLE], weights, initial, None, keep=keep)
        of_second = run, pre[MIDDLE:], weights, first.last, None
        second, seen = (each.forward(*of_second, keep=keep) for each in (kernel, scan))
        return Steps(jnp.concatenate([first.h, second.h]), second.last, (first, second, seen))

    def backward(run, dh, dlast, steps, weights, initial, lengths):
        first, second, seen = steps.saved
        later = kernel.backward(run, dh[MIDDLE:], dlast, second, weights, first.last, None)
        slots = scan.backward(run, dh[MIDDLE:], dlast, seen, weights, first.last, None).slots
        dmiddle = between(slots[0], weights, later.initial)
        earlier = kernel.backward(run, dh[:MIDDLE], dmiddle, first, weights, initial, None)
        slots = jnp.concatenate([earlier.slots, later.slots])
        dweights = jax.tree.map(jnp.add, earlier.weights, later.weights)
        return Slopes(slots, earlier.initial, dweights)

    return replace(kernel, forward=forward, backward=backward)


def nothing_forgotten(dpre, weights, dstate):
    return dstate


def direct_term(dpre, weights, dstate):
    """Of GRU, z dh: what is left is what passes through the product."""
    R = weights.w_h.shape[1]
    return (dpre[:, -R:] @ weights.w_h.T,)


def all_of_it(dpre, weights, dstate):
    return jax.tree.map(jnp.zeros_like, dstate)


def through_the_product(dpre, weights, dstate):
    R = weights.w_h.shape[1]
    return dstate[0] - dpre[:, -R:] @ weights.w_h.T, *dstate[1:]


def through_the_forget_gate(dpre, weights, dstate):
    """Of LSTM, f dc."""
    return dstate[0], jnp.zeros_like(dstate[1])


FORGOTTEN = [
    ("relu", through_the_product),
    ("tanh", through_the_product),
    ("gru", through_the_product),
    ("gru", direct_term),
    ("lstm", through_the_product),
    ("lstm", through_the_forget_gate),
]


@pytest.mark.parametrize("name", BY_HAND)
@pytest.mark.parametrize(("cell", "term"), FORGOTTEN)
def test_a_forgotten_term_of_bptt(name, cell, term):
    wrong = in_two_halves(KERNELS[name], term)
    assert excess(wrong, cell, name, "backward") > 1


@pytest.mark.parametrize("name", BY_HAND)
@pytest.mark.parametrize("cell", CELLS)
def test_where_nothing_is_forgotten_nothing_is_found(name, cell):
    """So it is not the halves that the tests above see."""
    assert excess(in_two_halves(KERNELS[name], nothing_forgotten), cell, name, "backward") <= 1


# The same in kernels that take the whole layer, whose biases are their own.


def whole_exchanged(kernel, exchange):
    """`exchange` of the layer's weights, and of their gradients back again."""

    def forward(run, weights, *others, keep):
        return kernel.whole.forward(run, exchange(run.cell, weights), *others, keep=keep)

    def backward(run, weights, *others, **needs):
        made = kernel.whole.backward(run, exchange(run.cell, weights), *others, **needs)
        return WholeGradients(exchange(run.cell, made.weights), *made[1:])

    return replace(kernel, whole=Whole(forward, backward))


def two_gates(cell, weights):
    """The second and third slot's columns, in all weights."""
    pair, (from_x, from_h) = cell.slots[1:3], names_of(cell)
    return weights._replace(
        w_x=exchanged(weights.w_x, from_x, pair),
        w_h=exchanged(weights.w_h, from_h, pair),
        b=exchanged(weights.b, cell.slots, pair),
    )


def two_biases(cell, weights):
    """The first slot's bias in the last one: of GRU, n_x's and n_h's."""
    pair = cell.slots[0], cell.slots[-1]
    return weights._replace(b=exchanged(weights.b, cell.slots, pair))


@pytest.mark.parametrize("phase", ["forward", "backward"])
@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("cell", ["gru", "lstm"])
@pytest.mark.parametrize("exchange", [two_gates, two_biases])
def test_weights_of_a_whole_layer_exchanged(name, cell, exchange, phase):
    wrong = whole_exchanged(KERNELS[name], exchange)
    assert excess(wrong, cell, name, phase, scope="model") > 1


def whole_in_two_halves(kernel, between):
    """The layer on one half of the steps after the other; `between` sees what passes back."""

    def forward(run, weights, readout, x, initial, lengths, *, keep):
        layer = partial(kernel.whole.forward, run, weights, readout, keep=keep)
        early, first = layer(x[:MIDDLE], initial, None)
        late, second = layer(x[MIDDLE:], first.last, None)
        h = jnp.concatenate([first.h, second.h])
        return jnp.concatenate([early, late]), Steps(h, second.last, (first, second))

    def backward(
        run, weights, readout, x, initial, lengths, steps, dy, dlast, *, with_dx, with_dinitial
    ):
        first, second = steps.saved
        layer = partial(kernel.whole.backward, run, weights, readout, with_dx=with_dx)
        rest = first.last, None, second, dy[MIDDLE:], dlast
        late = layer(x[MIDDLE:], *rest, with_dinitial=True)
        dmiddle, needs = between(None, weights, late.initial), {"with_dinitial": with_dinitial}
        early = layer(x[:MIDDLE], initial, None, first, dy[:MIDDLE], dmiddle, **needs)
        return early._replace(
            weights=jax.tree.map(jnp.add, early.weights, late.weights),
            readout=jax.tree.map(jnp.add, early.readout, late.readout),
            x=jnp.concatenate([early.x, late.x]) if with_dx else None,
        )

    return replace(kernel, whole=Whole(forward, backward))


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize(
    ("cell", "term", "found"),
    [
        ("relu", all_of_it, True),
        ("gru", all_of_it, True),
        ("lstm", through_the_forget_gate, True),
        ("lstm", nothing_forgotten, False),
    ],
)
def test_a_forgotten_term_of_a_whole_layer(name, cell, term, found):
    wrong = whole_in_two_halves(KERNELS[name], term)
    assert (excess(wrong, cell, name, "backward", scope="model") > 1) == found
