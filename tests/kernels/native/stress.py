"""Ways in which callers strain the native kernel's threads; run in a process of its own."""

import sys
from concurrent.futures import ThreadPoolExecutor

import jax
import jax.numpy as jnp
import numpy as np

import kernels
import reference

CALLS = 60
params = reference.init(jax.random.key(0), 32, 128, 16)
x = jax.random.normal(jax.random.key(1), (20, 40, 32))
want = np.asarray(kernels.rnn(params, x, kernel="scan")[0])


@jax.jit
def run(x):
    """The outputs, and a gradient."""
    loss = jax.grad(lambda p: jnp.sum(kernels.rnn(p, x, kernel="native")[0] ** 2))
    return kernels.rnn(params, x, kernel="native")[0], loss(params).w_hh


def check(_=None):
    np.testing.assert_allclose(run(x)[0], want, atol=1e-5)


def several_threads():
    """Many callers at once."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(check, range(CALLS)))


def one_program():
    """A program of many calls that do not depend on each other."""

    @jax.jit
    def many(x):
        return [kernels.rnn(params, x * (1 + i), kernel="native")[0] for i in range(12)]

    for _ in range(CALLS // 10):
        for i, got in enumerate(many(x)):
            alone = kernels.rnn(params, x * (1 + i), kernel="scan")[0]
            np.testing.assert_allclose(got, alone, atol=1e-4)


def exit_at_once():
    """The process ends while calls are under way."""
    for _ in range(CALLS):
        run(x)


def many_devices():
    """Calls on several devices, each with a shard of B."""
    jax.set_mesh(jax.make_mesh((4,), ("b",)))
    over_batch = jax.P(None, "b")
    shards = jax.reshard(x, over_batch)
    sharded = jax.jit(
        jax.shard_map(
            lambda x: kernels.rnn(params, x, kernel="native")[0],
            out_specs=over_batch,
        )
    )
    for _ in range(CALLS // 10):
        np.testing.assert_allclose(sharded(shards), want, atol=1e-5)


check()
for strain in sys.argv[1:]:
    globals()[strain]()
