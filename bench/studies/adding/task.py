"""The data, the network at its start, and many training steps as one program."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

import kernels
import reference
from reference import Params, Readout, Weights

T, BATCH, HIDDEN = 100, 32, 32
# Warming up: an early full step of Adam makes the relu states of a near-identity explode.
LEARNING_RATE = optax.linear_schedule(0.0, 1e-3, transition_steps=300)
NEAR_IDENTITY = 0.98  # just contracting
WEIGHT_SCALE = 0.3  # scale of the other weights
TRIVIAL_LOSS = 1 / 6
SEED = 7

State = tuple[Params, PyTree]
Steps = Callable[[State, PRNGKeyArray], tuple[State, Float[Array, "steps"]]]


def batch(key: PRNGKeyArray) -> tuple[Float[Array, "T B 2"], Float[Array, "B"]]:
    """Fresh sequences and their answers."""
    k_values, k_first, k_second = jax.random.split(key, 3)
    values = jax.random.uniform(k_values, (T, BATCH))
    first = jax.random.randint(k_first, (BATCH,), 0, T // 2)
    second = jax.random.randint(k_second, (BATCH,), T // 2, T)
    marks = (jax.nn.one_hot(first, T) + jax.nn.one_hot(second, T)).T
    return jnp.stack([values, marks], axis=-1), jnp.sum(values * marks, axis=0)


def start() -> State:
    """Parameters and optimiser state, the same for every kernel."""
    (layer,), readout = reference.init(jax.random.key(SEED), 2, HIDDEN, 1)
    weights = Weights(
        w_x=WEIGHT_SCALE * layer.forward.w_x,
        w_h=NEAR_IDENTITY * jnp.eye(HIDDEN),
        b=jnp.zeros_like(layer.forward.b),
    )
    readout = Readout(w=WEIGHT_SCALE * readout.w, b=jnp.zeros_like(readout.b))
    params = reference.single(weights, readout)
    return params, _optimiser().init(params)


def steps(kernel: str, count: int) -> Steps:
    """A jitted program of this many training steps through one kernel."""
    loss = jax.value_and_grad(partial(_loss, kernel=kernel))

    def step(state, key):
        params, memory = state
        value, gradient = loss(params, *batch(key))
        updates, memory = _optimiser().update(gradient, memory)
        return (optax.apply_updates(params, updates), memory), value

    return jax.jit(lambda state, key: jax.lax.scan(step, state, jax.random.split(key, count)))


def _optimiser() -> optax.GradientTransformation:
    return optax.chain(optax.clip_by_global_norm(1.0), optax.adam(LEARNING_RATE))


def _loss(
    params: Params, x: Float[Array, "T B 2"], answer: Float[Array, "B"], *, kernel: str
) -> Float[Array, ""]:
    """Mean squared error of the last output."""
    y, _ = kernels.rnn(params, x, kernel=kernel)
    return jnp.mean((y[-1, :, 0] - answer) ** 2)
