"""Ways in which callers strain the native kernel's threads; run in a process of its own."""

import sys
from concurrent.futures import ThreadPoolExecutor

import jax
import jax.numpy as jnp
import numpy as np

import kernels
import reference

CALLS = 60
CELL = "lstm"  # the cell that writes most
params = reference.init(jax.random.key(0), 32, 128, 16, cell=CELL)
x = jax.random.normal(jax.random.key(1), (20, 40, 32))


def outputs(x, kernel):
    return kernels.rnn(params, x, cell=CELL, kernel=kernel)[0]


want = np.asarray(outputs(x, "scan"))


@jax.jit
def run(x):
    """The outputs, and a gradient."""
    return outputs(x, "native"), jax.grad(lambda x: jnp.sum(outputs(x, "native") ** 2))(x)


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
        return [outputs(x * (1 + i), "native") for i in range(12)]

    for _ in range(CALLS // 10):
        for i, got in enumerate(many(x)):
            alone = outputs(x * (1 + i), "scan")
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
            lambda x: outputs(x, "native"),
            out_specs=over_batch,
        )
    )
    for _ in range(CALLS // 10):
        np.testing.assert_allclose(sharded(shards), want, atol=1e-5)


check()
for strain in sys.argv[1:]:
    globals()[strain]()
