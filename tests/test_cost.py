"""The cost model against XLA's own count of a fully unrolled program."""

import dataclasses

import jax
import pytest

from bench.cost import compulsory_bytes, cost
from bench.plan import PASSES, SCOPES, Case
from bench.programs import program
from bench.workloads import Workload

SHAPE = Workload("any", T=6, B=20, I=128, H=256, O=128)


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("phase", PASSES)
@pytest.mark.parametrize("T", [1, 6])
def test_flops_are_xlas(scope, phase, T):
    """To within the elementwise work that XLA does twice, or that a loss adds."""
    workload = Workload("any", T=T, B=20, I=128, H=512, O=128)
    made = program(Case(workload, scope, phase, "float32", "relu", "unrolled-full"))
    counted = jax.jit(made.run).lower(*made.arguments).compile().cost_analysis()["flops"]
    assert cost(workload, scope, phase, 4).flops == pytest.approx(counted, rel=0.01)


def test_bytes_are_the_arguments_and_results():
    made = program(Case(SHAPE, "recurrence", "forward", "float32", "relu", "scan"))
    arrays = jax.tree.leaves((made.arguments, made.run(*made.arguments)))
    wanted = sum(array.nbytes for array in arrays)
    assert cost(SHAPE, "recurrence", "forward", 4).bytes == wanted


def test_no_output_layer_costs_nothing():
    with_layer, without = (
        cost(Workload("any", T=3, B=2, I=4, H=8, O=outputs), "model", "forward", 4).flops
        for outputs in (1, 0)
    )
    assert with_layer - without == 3 * 2 * (2 * 8 + 1)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("phase", ["forward", "train"])
def test_compulsory_bytes_are_the_arguments_and_results(scope, phase, dtype):
    made = program(Case(SHAPE, scope, phase, dtype, "relu", "scan"))
    arrays = jax.tree.leaves((made.arguments, jax.eval_shape(made.run, *made.arguments)))
    wanted = sum(array.size for array in arrays if array.ndim)  # but the loss
    itemsize = jax.numpy.dtype(dtype).itemsize
    assert compulsory_bytes(SHAPE, scope, phase, itemsize) == wanted * itemsize


def moved_backward(scope):
    made = program(Case(SHAPE, scope, "backward", "float32", "relu", "scan"))
    arrays = jax.tree.leaves((made.arguments, jax.eval_shape(made.run, *made.arguments)))
    return sum(4 * array.size for array in arrays)


def test_a_backward_recurrence_moves_what_is_compulsory():
    assert compulsory_bytes(SHAPE, "recurrence", "backward", 4) == moved_backward("recurrence")


def test_a_backward_model_moves_no_less_than_is_compulsory():
    """Its states could be computed again from x."""
    moved = moved_backward("model")
    assert moved / 2 < compulsory_bytes(SHAPE, "model", "backward", 4) <= moved


def test_a_step_of_bptt_moves_five_states():
    """dh, h and dz; then h and dz again, for the gradient of W_hh."""
    one, two = (
        cost(dataclasses.replace(SHAPE, T=T), "recurrence", "backward", 4).bytes for T in (1, 2)
    )
    assert two - one == 4 * 5 * SHAPE.B * SHAPE.H
