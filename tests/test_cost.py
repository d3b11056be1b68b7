"""The cost model against XLA's own count of a fully unrolled program."""

import jax
import pytest

from bench import cost
from bench.plan import Case
from bench.subject import compile_case
from bench.workloads import Workload


@pytest.mark.parametrize("scope", ["recurrence", "model"])
@pytest.mark.parametrize("T", [1, 6])
def test_flops_are_xlas(scope, T):
    """To within what XLA computes twice: an activation that two fusions need."""
    workload = Workload("any", T=T, B=20, I=128, H=256, O=128)
    compiled = compile_case(Case(workload, scope, "float32", "relu", "unrolled-full"))
    counted = compiled.program.cost_analysis()["flops"]
    assert cost.FORWARD[scope](workload, 4).flops == pytest.approx(counted, rel=0.01)


def test_bytes_are_the_arguments_and_results():
    workload = Workload("any", T=6, B=20, I=48, H=64, O=32)
    compiled = compile_case(Case(workload, "recurrence", "float32", "relu", "scan"))
    arrays = jax.tree.leaves((compiled.arguments, compiled()))
    assert cost.recurrence(workload, 4).bytes == sum(array.nbytes for array in arrays)


def test_no_output_layer_costs_nothing():
    with_layer = cost.model(Workload("any", T=3, B=2, I=4, H=8, O=1), 4)
    without = cost.model(Workload("any", T=3, B=2, I=4, H=8, O=0), 4)
    assert with_layer.flops - without.flops == 3 * 2 * (2 * 8 + 1)
