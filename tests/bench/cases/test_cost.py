"""The cost model against XLA's own count of a fully unrolled program."""

import dataclasses
import tracemalloc

import jax
import pytest

from bench.cases import programs
from bench.cases.case import PASSES, SCOPES, Case
from bench.cases.cost import checked_flops, checked_slots, compulsory_bytes, cost, memory
from bench.cases.inputs import make_inputs
from bench.cases.operations import operations
from bench.cases.programs import program
from bench.cases.workloads import Workload
from bench.contenders.subject import Subject
from reference import CELLS

SHAPE = Workload("any", T=6, B=20, I=128, H=256, O=128)


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("phase", PASSES)
@pytest.mark.parametrize(("cell", "T"), [("relu", 1), ("relu", 6), *((c, 2) for c in CELLS)])
def test_flops_are_xlas(scope, phase, cell, T):
    """To within the elementwise work that XLA does twice, or that a loss adds."""
    workload = Workload("any", T=T, B=20, I=128, H=512, O=128)
    built = program(Case(workload, scope, phase, "float32", cell, "unrolled-full"))
    counted = jax.jit(built.run).lower(*built.arguments).compile().cost_analysis()["flops"]
    assert cost(workload, cell, scope, phase, 4).flops == pytest.approx(counted, rel=0.01)


@pytest.mark.parametrize("cell", CELLS)
def test_bytes_are_the_arguments_and_results(cell):
    built = program(Case(SHAPE, "recurrence", "forward", "float32", cell, "scan"))
    arrays = jax.tree.leaves((built.arguments, jax.eval_shape(built.run, *built.arguments)))
    expected = sum(4 * array.size for array in arrays)
    assert cost(SHAPE, cell, "recurrence", "forward", 4).bytes == expected


def test_no_output_layer_costs_nothing():
    with_layer, without = (
        cost(Workload("any", T=3, B=2, I=4, H=8, O=outputs), "gru", "model", "forward", 4).flops
        for outputs in (1, 0)
    )
    assert with_layer - without == 3 * 2 * (2 * 8 + 1)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("phase", ["forward", "train"])
@pytest.mark.parametrize("cell", ["relu", "gru", "lstm"])
def test_compulsory_bytes_are_the_arguments_and_results(scope, phase, dtype, cell):
    built = program(Case(SHAPE, scope, phase, dtype, cell, "scan"))
    arrays = jax.tree.leaves((built.arguments, jax.eval_shape(built.run, *built.arguments)))
    expected = sum(array.size for array in arrays if array.ndim)  # but the loss
    if (scope, phase) == ("model", "train"):  # its targets of every state are not used
        expected -= SHAPE.T * SHAPE.B * SHAPE.H
    itemsize = jax.numpy.dtype(dtype).itemsize
    assert compulsory_bytes(SHAPE, cell, scope, phase, itemsize) == expected * itemsize


def moved_backward(cell, scope):
    built = program(Case(SHAPE, scope, "backward", "float32", cell, "scan"))
    arrays = jax.tree.leaves((built.arguments, jax.eval_shape(built.run, *built.arguments)))
    return sum(4 * array.size for array in arrays)


@pytest.mark.parametrize(
    ("cell", "scope", "share"),
    [
        ("relu", "recurrence", 0.97),  # the last state is kept as well
        ("relu", "model", 0.5),
        ("gru", "model", 0.4),
        ("lstm", "model", 0.4),
        ("lstm", "recurrence", 0.6),
    ],
)
def test_no_backward_pass_moves_less_than_is_compulsory(cell, scope, share):
    """States, and what was saved with them, could be computed again."""
    moved = moved_backward(cell, scope)
    assert share * moved < compulsory_bytes(SHAPE, cell, scope, "backward", 4) <= moved


@pytest.mark.parametrize(
    ("cell", "arrays"),
    [
        ("relu", 5),  # dh, h and dpre; then h and dpre again, for the gradient of W_h
        ("lstm", 1 + 6 + 4 + 5),  # dh, h, c and the gates, dpre; then h and dpre
        ("gru", 1 + 5 + 4 + 4),  # dh, h and four saved, dpre; then h and dpre but the candidate's
    ],
)
def test_a_step_of_bptt_moves_so_many_states(cell, arrays):
    one, two = (
        cost(dataclasses.replace(SHAPE, T=T), cell, "recurrence", "backward", 4).bytes
        for T in (1, 2)
    )
    assert two - one == 4 * arrays * SHAPE.B * SHAPE.H


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("phase", ["forward", "train"])
@pytest.mark.parametrize("cell", ["relu", "lstm"])
def test_a_case_takes_no_more_memory_than_is_said(scope, phase, cell):
    """The check as far as NumPy allocates it, the program as XLA says."""
    shape = Workload("states", T=100, B=20, I=8, H=64, O=8)
    case = Case(shape, scope, phase, "float32", cell, "scan")
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
    said = memory(shape, cell, phase, 4)
    assert host < said.host < 10 * host
    assert device < said.device < 10 * device


SMALL = Workload("small", T=2, B=3, I=5, H=7, O=11)
ROWS, B, I, H, O = 6, 3, 5, 7, 11  # noqa: E741
# What a pass of the LSTM does, one entry an operation: its FLOPs, and the elements of the arrays
# that it touches. A step of a unit has 18 operations beside its products, and 23 backward.
FOUR = 4 * H
STEPS = (  # pre, W_h, h and c at first, h; what a backward pass needs is apart
    ROWS * (2 * H * FOUR + FOUR + 18 * H),
    ROWS * FOUR + H * FOUR + 2 * B * H + ROWS * H,
)
KEPT = (0, ROWS * (FOUR + H))
STEPS_BACK = (  # dh, h, c and gates, dpre, W_h; the first step's product is that of dh0
    (ROWS - B) * 2 * H * FOUR + ROWS * (H + 23 * H),
    ROWS * (H + H + H + FOUR + FOUR) + H * FOUR,
)
PROJECTIONS = [
    (2 * ROWS * I * FOUR, ROWS * I + I * FOUR + ROWS * FOUR),
    (ROWS * FOUR, FOUR),
    (2 * ROWS * H * O, ROWS * H + H * O + ROWS * O),
    (ROWS * O, O),
]
DW_H = (2 * H * ROWS * FOUR, ROWS * (H + FOUR) + H * FOUR)
DH0 = (2 * B * H * FOUR, B * FOUR + H * FOUR + B * H)
DC0 = (0, B * H)
PROJECTIONS_BACK = [
    (2 * ROWS * O * H, ROWS * O + O * H + ROWS * H),  # dh
    (2 * H * ROWS * O, H * ROWS + ROWS * O + H * O),  # dW
    (2 * I * ROWS * FOUR, I * ROWS + ROWS * FOUR + I * FOUR),  # dW_x
    (ROWS * (FOUR + O), FOUR + O),  # biases
]
DONE = {
    ("recurrence", "forward"): [STEPS],
    ("recurrence", "backward"): [STEPS_BACK, DW_H, DH0, DC0],
    ("model", "forward"): [*PROJECTIONS, STEPS],
    ("model", "backward"): [*PROJECTIONS_BACK, STEPS_BACK, DW_H],
}


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("phase", PASSES)
def test_every_operation_is_counted(scope, phase):
    halves = ("forward", "backward") if phase == "train" else (phase,)
    done = [each for half in halves for each in DONE[scope, half]]
    done += [KEPT] if phase == "train" else []
    found = cost(SMALL, "lstm", scope, phase, 2)
    assert found.flops == sum(flops for flops, _ in done)
    assert found.bytes == 2 * sum(elements for _, elements in done)


def test_a_gru_has_three_products_and_a_bias_of_its_own():
    """Of 14 operations a step: two sigmoids of four, four of n, three of h'; 16 backward."""
    three = 3 * H
    forward = ROWS * (2 * H * three + three + 14 * H)
    back = ROWS * (H + 16 * H) + ROWS * 2 * H * three + 2 * H * ROWS * three
    assert cost(SMALL, "gru", "recurrence", "forward", 2).flops == forward
    assert cost(SMALL, "gru", "recurrence", "backward", 2).flops == back + ROWS * H
    moved = ROWS * three + H * three + H + B * H + ROWS * H
    assert cost(SMALL, "gru", "recurrence", "forward", 2).bytes == 2 * moved


@pytest.mark.parametrize(("cell", "forward", "backward"), [("relu", 1, 1), ("tanh", 1, 3)])
def test_a_comparison_is_no_operation(cell, forward, backward):
    assert operations(CELLS[cell]) == (forward, backward)


def test_a_backward_model_needs_x_the_weights_of_its_states_and_what_comes_and_goes():
    """Arguments: x, W_h, W, the initial state, cotangents. Results: the parameters' gradients."""
    arguments = ROWS * I + H * FOUR + H * O + 2 * B * H + ROWS * O + 2 * B * H
    gradients = I * FOUR + H * FOUR + FOUR + H * O + O
    expected = 2 * (arguments + gradients)
    assert compulsory_bytes(SMALL, "lstm", "model", "backward", 2) == expected


@pytest.mark.parametrize(
    ("cell", "phase", "itemsize", "host", "device"),
    [
        # 42 states, 96 elements of x and y, 179 parameters; in the device's sums 4 bytes at least.
        ("relu", "forward", 2, 8 * (11 * 42 + 4 * 96 + 8 * 179), 2 * 718 + 4 * 2 * 42),
        ("relu", "train", 2, 8 * (13 * 42 + 4 * 96 + 8 * 179), 2 * 718 + 4 * 10 * 42),
        ("relu", "train", 8, 8 * (13 * 42 + 4 * 96 + 8 * 179), 8 * 718 + 8 * 10 * 42),
        # 4 times what comes in, 452 parameters; five arrays of states are saved.
        ("lstm", "forward", 4, 8 * (23 * 42 + 4 * 96 + 8 * 452), 4 * (1390 + 5 * 42)),
        ("lstm", "train", 4, 8 * (41 * 42 + 4 * 96 + 8 * 452), 4 * (1390 + 46 * 42)),
    ],
)
def test_memory_is_so_many_arrays(cell, phase, itemsize, host, device):
    found = memory(SMALL, cell, phase, itemsize)
    assert (found.host, found.device) == (host, device)


def test_a_check_computes_the_pass_twice_and_an_orthogonal_matrix_a_product():
    orthogonal = 8 * 7**3 // 3
    forward, backward = 6 * 7 * 16, 6 * 7 * 16 + 2 * 7 * 6 * 7
    assert checked_flops(SMALL, "relu", "recurrence", "forward") == 2 * forward + orthogonal == 2258
    assert checked_flops(SMALL, "relu", "recurrence", "train") == (
        2 * (forward + backward) + orthogonal
    )
    of_gru = 2 * cost(SMALL, "gru", "model", "forward", 1).flops
    assert checked_flops(SMALL, "gru", "model", "forward") == of_gru + 3 * orthogonal


@pytest.mark.parametrize(
    ("cell", "phase", "slots"),
    [("relu", "forward", 2), ("relu", "backward", 4), ("relu", "train", 4), ("lstm", "train", 16)],
)
def test_a_backward_pass_is_checked_by_as_many_steps_again(cell, phase, slots):
    assert checked_slots(SMALL, cell, phase) == slots
