"""What a program hands to the checker."""

import jax
import jax.numpy as jnp
import pytest

from bench.cases.case import SCOPES, Case
from bench.cases.programs import program
from bench.cases.tolerance import deviation
from bench.cases.workloads import Workload

# As long and wide a batch as makes the gradients of a mean far smaller than 1.
SHAPE = Workload("any", T=20, B=30, I=3, H=8, O=2)


@pytest.mark.parametrize("phase", ["backward", "train"])
@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("cell", ["relu", "gru", "lstm"])
def test_a_gradient_is_judged_by_its_own_size(scope, phase, cell):
    """A missing one is off by all of it, however small it is."""
    made = program(Case(SHAPE, scope, phase, "float32", cell, "scan"))
    results = jax.jit(made.run)(*made.arguments)
    value, gradients = results if phase == "train" else (None, results)
    missing = jax.tree.map(jnp.zeros_like, gradients)
    pairs = made.pairs((value, missing) if phase == "train" else missing)
    errors = [deviation(*pair) for pair in pairs]
    sizes = [leaf.size for leaf in jax.tree.leaves(gradients)]  # 0: a bias of slots there are none
    assert errors[-len(sizes) :] == [float(size > 0) for size in sizes]
    assert max(errors[: -len(sizes)], default=0) < 1e-5
