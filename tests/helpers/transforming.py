"""What tests of JAX's transformations share: one model, its gradient, and both without them."""

from functools import cache, partial

import jax
import jax.numpy as jnp
from helpers.oracle_checks import full_precision

import kernels
from bench.cases.inputs import make_inputs
from bench.cases.workloads import Workload

SHAPE = Workload("eight rows", T=3, B=8, I=3, H=7, O=2)
CELL = "lstm"  # whose state is a tuple; `test_a_cell_that_carries_nothing` has another


def loss(outputs):
    """One in which every number counts."""
    parts = jax.tree.leaves(outputs)
    return sum(jnp.sum(jnp.sin(part.astype(jnp.float32))) for part in parts)


def gradient(model, argnums=(0, 1, 2)):
    return jax.grad(lambda *arguments: loss(model(*arguments)), argnums)


def both(model):
    """What it returns and its gradient, in one program."""
    return lambda *arguments: (model(*arguments), gradient(model)(*arguments))


def arguments(inputs):
    return inputs.params, inputs.x, inputs.initial


@cache
def untransformed(kernel, way):
    """`both` of a kernel on one device, which many tests compare with."""
    model = partial(kernels.rnn, kernel=kernel, cell=CELL)
    return jax.jit(both(way(model)))(*arguments(make_inputs(SHAPE, full_precision(kernel), CELL)))


def unchanged(model):
    return model
