"""Workloads with layers, directions and lengths: what they are, need, and are held against."""

from dataclasses import replace
from math import log, sqrt

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from bench.cases.case import Case
from bench.cases.cost import checked_slots, compulsory_bytes, cost, memory
from bench.cases.inputs import make_inputs
from bench.cases.programs import Functions, functions, program
from bench.cases.suites import SUITES
from bench.cases.tolerance import deviation, tolerance
from bench.cases.workloads import Workload, mission, parse, with_lengths
from bench.contenders.combinations import cases
from bench.contenders.subject import compiled

FILED = TypeAdapter(Workload)
STACK = Workload("stack", T=3, B=4, I=128, H=256, O=64, layers=2, bidirectional=True)
SMALL = replace(STACK, T=6, I=3, H=8, O=2)
UNEVEN = replace(SMALL, lengths="uniform")
SHAPES = [
    with_lengths(replace(SMALL, layers=1, bidirectional=False), "uniform"),
    replace(SMALL, bidirectional=False),
    UNEVEN,
]


@given(st.permutations(["T=7", "B=2", "I=3", "H=4", "O=5", "layers=2", "bidirectional"]))
def test_a_text_in_any_order(parts):
    expected = Workload("T7-B2-I3-H4-O5-layers2-bidirectional", 7, 2, 3, 4, 5, 2, True)
    assert parse(",".join(parts)) == expected


@pytest.mark.parametrize("more", ["layers=2,layers=2", "bidirectional,bidirectional", "layers"])
def test_not_a_shape(more):
    with pytest.raises(ValueError, match=r"expected five sizes such as T=.* and perhaps layers=2"):
        parse(f"T=1,B=2,I=3,H=4,O=5,{more}")


@pytest.mark.parametrize(("layers", "said"), [(0, "at least 1"), (1001, "at most 1,000")])
def test_so_many_layers_there_are_not(layers, said):
    with pytest.raises(ValueError, match=f"expected layers to be {said}"):
        parse(f"T=1,B=2,I=3,H=4,O=5,layers={layers}")


@given(st.integers(1, 200), st.integers(1, 60))
def test_uniform_lengths_are_even_and_end_with_the_longest(T, B):
    shape = Workload("any", T, B, 1, 1, 1, lengths="uniform")
    lengths = shape.lengths_in_order
    assert len(lengths) == B and lengths[-1] == T and lengths[0] >= 1
    steps = np.diff([0, *lengths])
    assert steps.max() - steps.min() <= 1
    assert 0 <= shape.padding < 0.5
    assert sorted(make_inputs(shape, "float32", "relu").lengths) == list(lengths)


def test_a_name_says_that_the_lengths_are_others():
    changed = with_lengths(mission(100), "uniform")
    assert changed.name == "mission-T100-uniform" and changed.structure == "49 % padding"
    assert with_lengths(changed, "uniform") is changed


def test_a_plain_shape_is_filed_as_it_always_was():
    assert FILED.dump_python(mission(1)) == {
        **{"name": "mission-T1", "T": 1, "B": 50},
        **{"I": 128, "H": 256, "O": 128},
    }
    for shape in (mission(1), UNEVEN):
        assert FILED.validate_json(FILED.dump_json(shape)) == shape


def test_they_are_whole_models_only():
    problems = SUITES["sequences"].problems("cpu", None, None)
    assert len(problems) == 9
    found = cases(problems, ["scan", "torch"])
    assert {case.scope for case in found if not case.workload.plain} == {"model"}


@pytest.mark.parametrize("phase", ["forward", "backward", "train"])
@pytest.mark.parametrize("cell", ["relu", "lstm"])
def test_flops_are_xlas(cell, phase):
    """As of plain shapes, to within the elementwise work that XLA does twice."""
    wide = replace(STACK, H=512)
    built = program(Case(wide, "model", phase, "float32", cell, "unrolled-full"))
    counted = jax.jit(built.run).lower(*built.arguments).compile().cost_analysis()["flops"]
    assert cost(wide, cell, "model", phase, 4).flops == pytest.approx(counted, rel=0.01)


def test_padding_costs_nothing():
    """Work is that of as many steps as there are, products of weights apart."""
    full = replace(STACK, T=10, B=1)
    uneven = replace(full, T=4, B=4, lengths="uniform")  # 1 + 2 + 3 + 4 steps
    forward = [cost(each, "gru", "model", "forward", 4).flops for each in (full, uneven)]
    assert forward[0] == forward[1]
    assert memory(uneven, "gru", "train", 4).device > memory(full, "gru", "train", 4).device


@pytest.mark.parametrize("phase", ["forward", "train"])
def test_compulsory_bytes_are_the_arguments_and_results(phase):
    built = program(Case(SMALL, "model", phase, "float32", "lstm", "scan"))
    arrays = jax.tree.leaves((built.arguments, jax.eval_shape(built.run, *built.arguments)))
    expected = sum(4 * array.size for array in arrays if array.ndim)
    assert compulsory_bytes(SMALL, "lstm", "model", phase, 4) == expected


def test_the_oracle_goes_through_each_length_in_each_direction():
    assert UNEVEN.lengths_in_order == (2, 3, 5, 6)
    assert checked_slots(UNEVEN, "lstm", "train") == (2 + 3 + 5 + 6) * 2 * 2 * 4 * 2


def test_a_layer_adds_to_the_error_of_the_one_below():
    shape = Workload("any", T=2, B=3, I=4, H=5, O=7, layers=2, bidirectional=True)
    u2, memory_of = 2.0**-48, 1 + 0.9**2
    below = memory_of * (2 + 4 + 5) * u2
    error = memory_of * ((2 + 10 + 5) * u2 + below)
    expected = sqrt(2 * log(2 * 2 * 3 * 10) * error)
    assert tolerance(shape, "float32", "tanh") == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("phase", ["backward", "train"])
@pytest.mark.parametrize("shape", SHAPES)
def test_every_gradient_is_held_against_its_own_size(shape, phase):
    made = program(Case(shape, "model", phase, "float32", "gru", "scan"))
    results = jax.jit(made.run)(*made.arguments)
    value, gradients = results if phase == "train" else (None, results)
    missing = jax.tree.map(jnp.zeros_like, gradients)
    pairs = made.pairs((value, missing) if phase == "train" else missing)
    errors, number = [deviation(*pair) for pair in pairs], len(jax.tree.leaves(gradients))
    assert errors[-number:] == [1.0] * number
    assert max(errors[:-number], default=0) < 1e-5


@pytest.mark.parametrize("phase", ["forward", "train"])
@pytest.mark.parametrize("cell", ["relu", "lstm"])
def test_a_kernel_that_overlooks_lengths_is_found_out(cell, phase):
    case = Case(UNEVEN, "model", phase, "float32", cell, "scan")
    right = functions(case, "scan")
    wrong = Functions(
        right.recurrence, lambda params, x, state, lengths: right.rnn(params, x, state)
    )
    allowed = tolerance(UNEVEN, "float32", cell, phase)
    for use, holds in ((right, True), (wrong, False)):
        subject = compiled(program(case, use))
        assert (subject.error(subject.call()) <= allowed) is holds


def test_layers_wait_for_a_reverse_one_alone():
    assert SMALL.dependent_steps == 2 * 6
    assert replace(SMALL, bidirectional=False).dependent_steps == 6 + 1
