"""What our layers give, beside which the layers of another library are held, in float64."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import strategies as st

import kernels
import reference
from reference import CELLS, Layer

T, B, I, H, O = 6, 4, 3, 5, 2  # noqa: E741
LENGTHS = st.lists(st.integers(1, T), min_size=B, max_size=B).map(np.array)


def drawn(tree):
    """Numbers for every leaf, each its own."""
    numbers = np.random.default_rng(0)
    return jax.tree.map(lambda leaf: jnp.asarray(numbers.standard_normal(leaf.shape)), tree)


def model(cell, structure, dtype=jnp.float64):
    """Weights for each direction that a layer of the structure, ((forward, reverse), ...), has."""
    layers, size, key = [], I, jax.random.key(3)
    for n, ways in enumerate(structure):
        drawing = partial(reference.init, jax.random.fold_in(key, n), cell=cell)
        both = drawing(size, H, O, dtype, bidirectional=True).layers[0]
        layers.append(Layer(*(w if has else None for w, has in zip(both, ways, strict=True))))
        size = H * sum(ways)
    readout = reference.init(key, I, size, O, dtype).readout
    return reference.Params(tuple(layers), readout)


def arguments(cell, structure):
    """Params, x, a state, and cotangents of outputs and last state."""
    params, x = model(cell, structure), jnp.zeros((T, B, I))
    y, last = jax.eval_shape(partial(kernels.rnn, cell=cell, kernel="scan"), params, x)
    return params, *drawn((x, last, y, last))


def ours(cell, lengths, params, x, state, dy, dlast):
    """Outputs, the last state, and gradients by params, x and state."""
    run = partial(kernels.rnn, lengths=lengths, cell=cell, kernel="scan")
    (y, last), vjp = jax.vjp(run, params, x, state)
    return y, last, *vjp((dy, dlast))


def held(lengths):
    """1 where a sequence is, 0 in its padding."""
    ends = np.full(B, T) if lengths is None else lengths
    return jnp.asarray(np.arange(T)[:, None] < ends)[..., None].astype(float)


def close(got, want):
    """Leaf by leaf, whatever holds them."""
    for one, other in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-10)


def parts(cell, state):
    """Every direction's arrays of a state in turn: all h; and all c, where there is one."""
    leaves, count = jax.tree.leaves(state), len(CELLS[cell].states)
    return [jnp.stack(leaves[n::count]) for n in range(count)]
