"""Folding a mapped axis into B, tried on a kernel that JAX can also batch by itself."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kernels import scan
from kernels.batching import folding

OPTIONS = {"activation": "tanh", "precision": "full"}


def call(w_hh, z, h0):
    return scan.forward(z, w_hh, h0, **OPTIONS)


@pytest.mark.parametrize("axes", [(None, 0, 0), (None, 0, None), (0, 0, 0), (0, None, None)])
def test_the_same_as_jax(axes):
    shapes = (5, 5), (4, 3, 5), (3, 5)
    keys = jax.random.split(jax.random.key(0), 3)
    arguments = [
        jax.random.normal(key, shape if axis is None else (2, *shape))
        for key, shape, axis in zip(keys, shapes, axes, strict=True)
    ]
    got, want = (jax.vmap(f, axes)(*arguments) for f in (folding(call), call))
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


def test_a_shared_matrix_is_one_call_on_more_rows():
    rows = []

    def counted(w_hh, z, h0):
        rows.append(z.shape)
        return call(w_hh, z, h0)

    z, h0 = jnp.ones((2, 4, 3, 5)), jnp.ones((2, 3, 5))
    run = jax.vmap(partial(folding(counted), jnp.eye(5)))
    assert run(z, h0).shape == (2, 4, 3, 5)
    assert rows[-1] == (4, 6, 5)
