"""Under jit, vmap, control flow and threads every kernel gives the same numbers."""

from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial

import jax
import jax.numpy as jnp
import pytest
from helpers.transforming import CELL, SHAPE, arguments, both, gradient, unchanged, untransformed

import reference
from bench.cases.inputs import make_inputs


def test_jit_donation_and_remat(kernel, model, inputs, hold):
    want = untransformed(kernel, unchanged)
    hold(both(model)(*arguments(inputs)), want)
    copies = jax.tree.map(jnp.copy, arguments(inputs))
    hold(jax.jit(both(model), donate_argnums=(0, 1, 2))(*copies), want)
    hold(jax.jit(gradient(jax.checkpoint(model)))(*arguments(inputs)), want[1])


def in_a_scan(model, params, x, initial):
    """Half of the sequence after the other."""

    def step(state, part):
        y, state = model(params, part, state)
        return state, y

    last, y = jax.lax.scan(step, initial, jnp.stack([x, x]))
    return y.reshape(-1, *y.shape[2:]), last


def in_a_loop(model, params, x, initial):
    last = jax.lax.fori_loop(0, 2, lambda _, state: model(params, x, state)[1], initial)
    return model(params, x, initial)[0], last


def in_a_branch(model, params, x, initial):
    return jax.lax.cond(
        jnp.sum(x) > jnp.inf, lambda *a: (a[1][..., :2], a[2]), model, params, x, initial
    )


@cache
def step_by_step(around, dtype):
    """By the reference, in Python's own control flow."""
    model = partial(reference.rnn, cell=CELL)
    with jax.disable_jit():
        return both(partial(around, model))(*arguments(make_inputs(SHAPE, dtype, CELL)))


@pytest.mark.parametrize("around", [in_a_scan, in_a_loop, in_a_branch])
def test_control_flow_around_it(model, inputs, dtype, hold, around):
    got = jax.jit(both(partial(around, model)))(*arguments(inputs))
    hold(got, step_by_step(around, dtype))


MAPPED = {
    "x": (None, 0, None),
    "weights": (0, None, None),
    "both": (0, 0, 0),
    "initial": (None, None, 0),
}


@pytest.mark.parametrize("axes", MAPPED.values(), ids=MAPPED.keys())
def test_vmap(model, inputs, hold, axes):
    """Over two problems, then, where that is all of them, over none."""
    pairs = [
        jax.tree.map(lambda leaf: jnp.stack([leaf, -leaf]), each) if axis == 0 else each
        for each, axis in zip(arguments(inputs), axes, strict=True)
    ]
    one, mapped = jax.jit(both(model)), jax.jit(jax.vmap(both(model), axes))
    got = mapped(*pairs)
    for i in range(2):
        own = [_pick(each, axis, i) for each, axis in zip(pairs, axes, strict=True)]
        hold(_pick(got, 0, i), one(*own))
    if None in axes:
        return
    none = [_pick(each, axis, slice(0)) for each, axis in zip(pairs, axes, strict=True)]
    shapes = [leaf.shape[1:] for leaf in jax.tree.leaves(got)]
    assert [leaf.shape for leaf in jax.tree.leaves(mapped(*none))] == [(0, *s) for s in shapes]


def _pick(tree, axis, index):
    return tree if axis is None else jax.tree.map(lambda leaf: leaf[index], tree)


def test_vmap_of_vmap(model, inputs, hold):
    x = jnp.stack([jnp.stack([inputs.x, -inputs.x]), jnp.stack([2 * inputs.x, inputs.x])])
    run = partial(model, inputs.params)
    hold(_pick(jax.vmap(jax.vmap(run))(x), 0, (1, 0)), run(x[1, 0]))


def test_from_several_threads(kernel, model, inputs, hold):
    run = jax.jit(both(model))
    with ThreadPoolExecutor(4) as pool:
        for got in pool.map(lambda _: run(*arguments(inputs)), range(8)):
            hold(got, untransformed(kernel, unchanged))
