"""The cost model against XLA's own count of a fully unrolled program."""

import dataclasses
import tracemalloc

import jax
import pytest

from bench.cases import programs
from bench.cases.case import PASSES, SCOPES, Case
from bench.cases.cost import checked_flops, checked_steps, compulsory_bytes, cost, memory
from bench.cases.inputs import make_inputs
from bench.cases.programs import program
from bench.cases.workloads import Workload
from bench.contenders.subject import Subject

SHAPE = Workload("any", T=6, B=20, I=128, H=256, O=128)


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("phase", PASSES)
@pytest.mark.parametrize("T", [1, 6])
def test_flops_are_xlas(scope, phase, T):
    """To within the elementwise work that XLA does twice, or that a loss adds."""
    workload = Workload("any", T=T, B=20, I=128, H=512, O=128)
    built = program(Case(workload, scope, phase, "float32", "relu", "unrolled-full"))
    counted = jax.jit(built.run).lower(*built.arguments).compile().cost_analysis()["flops"]
    assert cost(workload, scope, phase, 4).flops == pytest.approx(counted, rel=0.01)


def test_bytes_are_the_arguments_and_results():
    built = program(Case(SHAPE, "recurrence", "forward", "float32", "relu", "scan"))
    arrays = jax.tree.leaves((built.arguments, built.run(*built.arguments)))
    expected = sum(array.nbytes for array in arrays)
    assert cost(SHAPE, "recurrence", "forward", 4).bytes == expected


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
    built = program(Case(SHAPE, scope, phase, dtype, "relu", "scan"))
    arrays = jax.tree.leaves((built.arguments, jax.eval_shape(built.run, *built.arguments)))
    expected = sum(array.size for array in arrays if array.ndim)  # but the loss
    itemsize = jax.numpy.dtype(dtype).itemsize
    assert compulsory_bytes(SHAPE, scope, phase, itemsize) == expected * itemsize


def moved_backward(scope):
    built = program(Case(SHAPE, scope, "backward", "float32", "relu", "scan"))
    arrays = jax.tree.leaves((built.arguments, jax.eval_shape(built.run, *built.arguments)))
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


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("phase", ["forward", "train"])
def test_a_case_takes_no_more_memory_than_is_said(scope, phase):
    """The check as far as NumPy allocates it, the program as XLA says."""
    shape = Workload("states", T=100, B=20, I=8, H=64, O=8)
    case = Case(shape, scope, phase, "float32", "relu", "scan")
    for cached in (make_inputs, programs._oracle):
        cached.cache_clear()
    tracemalloc.start()
    try:
        built = program(case)
        executable = jax.jit(built.run).lower(*built.arguments).compile()
        compiled_at = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        subject = Subject(lambda: executable(*built.arguments), built.pairs)
        subject.error(subject.call())
        host = tracemalloc.get_traced_memory()[1] - compiled_at
    finally:
        tracemalloc.stop()
    found = executable.memory_analysis()
    device = found.argument_size_in_bytes + found.output_size_in_bytes + found.temp_size_in_bytes
    said = memory(shape, phase, 4)
    assert host < said.host < 10 * host
    assert device < said.device < 10 * device


SMALL = Workload("small", T=2, B=3, I=5, H=7, O=11)
ROWS, B, I, H, O = 6, 3, 5, 7, 11  # noqa: E741
# What a pass does, one entry an operation: its FLOPs, and the elements of the arrays it touches.
STEPS = (ROWS * H * (2 * H + 2), 2 * ROWS * H + H * H + B * H)  # z, h, W_hh, h0
STEPS_BACK = (ROWS * H * (2 * H + 2), 3 * ROWS * H + H * H)  # dh, h, dz, W_hh
PROJECTIONS = [
    (2 * ROWS * I * H, ROWS * I + I * H + ROWS * H),
    (ROWS * H, H),
    (2 * ROWS * H * O, ROWS * H + H * O + ROWS * O),
    (ROWS * O, O),
]
DW_HH = (2 * H * ROWS * H, 2 * ROWS * H + H * H)
DH0 = (2 * B * H * H, 2 * B * H + H * H)
PROJECTIONS_BACK = [
    (2 * ROWS * O * H, ROWS * O + O * H + ROWS * H),  # dh
    (2 * H * ROWS * O, H * ROWS + ROWS * O + H * O),  # dW_ho
    (2 * I * ROWS * H, I * ROWS + ROWS * H + I * H),  # dW_xh
    (ROWS * (H + O), H + O),  # biases
]
DONE = {
    ("recurrence", "forward"): [STEPS],
    ("recurrence", "backward"): [STEPS_BACK, DW_HH, DH0],
    ("model", "forward"): [*PROJECTIONS, STEPS],
    ("model", "backward"): [*PROJECTIONS_BACK, STEPS_BACK, DW_HH],
}


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("phase", PASSES)
def test_every_operation_is_counted(scope, phase):
    halves = ("forward", "backward") if phase == "train" else (phase,)
    operations = [each for half in halves for each in DONE[scope, half]]
    found = cost(SMALL, scope, phase, 2)
    assert found.flops == sum(flops for flops, _ in operations)
    assert found.bytes == 2 * sum(elements for _, elements in operations)


def test_a_backward_model_needs_x_the_weights_of_its_states_and_what_comes_and_goes():
    """Arguments: x, W_hh, W_ho, h0, both cotangents. Results: the parameters' gradients."""
    arguments = ROWS * I + H * H + H * O + B * H + ROWS * O + B * H
    gradients = I * H + H * H + H + H * O + O
    expected = 2 * (arguments + gradients)
    assert compulsory_bytes(SMALL, "model", "backward", 2) == expected


@pytest.mark.parametrize(
    ("phase", "itemsize", "host", "device"),
    [
        # 42 states, 96 elements of x and y, 179 parameters; in the device's sums 4 bytes at least.
        ("forward", 2, 8 * (11 * 42 + 4 * 96 + 8 * 179), 2 * 718 + 4 * 2 * 42),
        ("forward", 4, 8 * (11 * 42 + 4 * 96 + 8 * 179), 4 * 718 + 4 * 2 * 42),
        ("train", 2, 8 * (13 * 42 + 4 * 96 + 8 * 179), 2 * 718 + 4 * 10 * 42),
        ("train", 8, 8 * (13 * 42 + 4 * 96 + 8 * 179), 8 * 718 + 8 * 10 * 42),
    ],
)
def test_memory_is_so_many_arrays(phase, itemsize, host, device):
    found = memory(SMALL, phase, itemsize)
    assert (found.host, found.device) == (host, device)


def test_a_check_computes_the_pass_twice_and_an_orthogonal_matrix():
    orthogonal = 8 * 7**3 // 3
    forward, backward = 6 * 7 * 16, 6 * 7 * 16 + 2 * 7 * 6 * 7 + 2 * 3 * 7 * 7
    assert checked_flops(SMALL, "recurrence", "forward") == 2 * forward + orthogonal == 2258
    assert checked_flops(SMALL, "recurrence", "train") == 2 * (forward + backward) + orthogonal


@pytest.mark.parametrize(("phase", "steps"), [("forward", 2), ("backward", 4), ("train", 4)])
def test_a_backward_pass_is_checked_by_as_many_steps_again(phase, steps):
    assert checked_steps(SMALL, phase) == steps
