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
def test_a_gradient_is_judged_by_its_own_size(scope, phase):
    """A missing one is off by all of it, however small it is."""
    made = program(Case(SHAPE, scope, phase, "float32", "relu", "scan"))
    results = jax.jit(made.run)(*made.arguments)
    value, gradients = results if phase == "train" else (None, results)
    missing = jax.tree.map(jnp.zeros_like, gradients)
    pairs = made.pairs((value, missing) if phase == "train" else missing)
    errors = [deviation(*pair) for pair in pairs]
    count = len(jax.tree.leaves(gradients))
    assert errors[-count:] == [1.0] * count
    assert max(errors[:-count], default=0) < 1e-5
