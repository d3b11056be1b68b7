"""What only the native kernel has to get right; the rest is in the conformance suite."""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.oracle_checks import hold, hold_equal

import kernels
import reference
from bench.cases.inputs import make_inputs
from bench.cases.tolerance import tolerance
from bench.cases.workloads import Workload
from kernels import face
from kernels.contract import Problem
from kernels.native import compiler, handlers
from kernels.registry import fastest
from reference import CELLS, oracle

pytestmark = pytest.mark.skipif(
    kernels.available()["native"] is not None, reason=str(kernels.available()["native"])
)
# Sizes on both sides of a panel, of a block of depth, of the register tile, of one team or many.
SHAPES = [
    Workload("one row", T=9, B=1, I=3, H=70, O=5),
    Workload("two groups", T=7, B=37, I=40, H=65, O=33),
    Workload("deep", T=3, B=5, I=300, H=520, O=64),
    Workload("whole panels", T=1, B=9, I=32, H=64, O=32),
    Workload("wide", T=2, B=2, I=4, H=1100, O=3),
]


def levels():
    """Those of this CPU."""
    return list(compiler.LEVELS)[list(compiler.LEVELS).index(compiler.target()) :]


@pytest.fixture
def level(request, monkeypatch):
    """Nothing compiled for another level is found again, before or after."""
    jax.clear_caches()
    monkeypatch.setattr(compiler, "target", lambda: request.param)
    yield request.param
    jax.clear_caches()


# So wide a matrix takes long to draw, and for more slots differs only in its size.
EVERY = [
    (cell, shape) for cell in CELLS for shape in SHAPES if cell == "relu" or shape.name != "wide"
]
each = pytest.mark.parametrize(
    ("cell", "shape"), EVERY, ids=[f"{cell}-{shape.name}" for cell, shape in EVERY]
)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
@each
def test_shapes(cell, shape, dtype):
    hold(shape, dtype, cell, "native")


every_level = pytest.mark.parametrize("level", levels(), indirect=True)


# Between them they use every vectorised function; each further one is a library to build.
@pytest.mark.parametrize(
    ("cell", "dtype"),
    [("lstm", "float32"), ("lstm", "bfloat16"), ("relu", "bfloat16"), ("relu", "float16")],
)
@every_level
def test_every_instruction_set(level, cell, dtype):
    assert handlers.load(level, cell, dtype) is None
    for shape in SHAPES[:3]:
        hold(shape, dtype, cell, "native")


# By the product that the dtype has: its own, or that of float32.
@every_level
def test_gradients_of_odd_sizes_in_16_bits(level):
    """A sum of odd length has a group that is filled up: of hidden units, inputs, rows, outputs."""
    for cell, dtype in (("lstm", "bfloat16"), ("relu", "float16")):
        for shape in SHAPES[:2]:
            allowed = tolerance(shape, dtype, cell, "train")
            hold_equal(*gradients(shape, dtype, cell), allowed)


def gradients(shape, dtype, cell):
    """Every one of the native kernel, and of BPTT at the oracle's states."""
    inputs, kind = make_inputs(shape, dtype, cell), CELLS[cell]
    run = face.functions("native", cell=cell, precision="full")["rnn"]
    arguments = inputs.params, inputs.x, inputs.initial
    cotangents = inputs.targets.y, inputs.targets.last
    got = jax.vjp(run, *arguments)[1](cotangents)
    h = oracle.forward(kind, *arguments).h
    want = oracle.backward(kind, *arguments, h, *cotangents)
    return jax.tree.leaves(got), jax.tree.leaves(want)


@each
def test_gradients_are_those_of_bptt(cell, shape, float64):
    got, want = gradients(shape, "float64", cell)
    hold_equal(got, want, 1e-11, unit=0.0)
    assert {leaf.dtype.name for leaf in got} == {"float64"}


@pytest.mark.parametrize("cell", ["tanh", "lstm"])
def test_gradients_of_what_several_threads_convert(cell):
    allowed = tolerance(SHAPES[1], "bfloat16", cell, "train")
    hold_equal(*gradients(SHAPES[1], "bfloat16", cell), allowed)


def test_weights_of_far_rows_that_many_rows_read():
    """They are not packed for 60 rows, which are three tiles or more, and those read a copy."""
    hold(Workload("far rows", T=1, B=60, I=300, H=512, O=32), "float32", "lstm", "native")


@pytest.mark.parametrize("B", [1, 3])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("cell", CELLS)
def test_a_step_that_several_threads_take_in_parts(cell, dtype, B):
    """Of few rows, and work enough for threads; hidden units and outputs fill no panel."""
    shape = Workload("step", T=1, B=B, I=700, H=1030, O=300)
    inputs = make_inputs(shape, dtype, cell)
    run = face.functions("native", cell=cell, precision="full")["rnn"]
    got = run(inputs.params, inputs.x, inputs.initial)
    want = oracle.forward(CELLS[cell], inputs.params, inputs.x, inputs.initial)
    outputs = jax.tree.leaves(got), jax.tree.leaves((want.y, want.last))
    hold_equal(*outputs, tolerance(shape, dtype, cell))


@pytest.mark.parametrize("place", ["x", "w_h"])
@pytest.mark.parametrize("poison", [np.nan, np.inf])
def test_one_row_skips_no_nan(place, poison):
    """A state of 0 silences no NaN or infinity in W_h, though it saves reading other weights."""
    inputs = make_inputs(SHAPES[0], "float32", "relu")
    x, weights = inputs.x, inputs.weights
    if place == "x":
        x = x.at[3, 0, 1].set(poison)
    else:
        weights = weights._replace(w_h=weights.w_h.at[4].set(poison))
    params = reference.single(weights, inputs.params.readout)
    got = kernels.rnn(params, x, kernel="native")
    want = reference.rnn(params, x)
    for ours, theirs in zip(got, want, strict=True):
        np.testing.assert_array_equal(np.isnan(ours), np.isnan(theirs))
        np.testing.assert_array_equal(np.isinf(ours), np.isinf(theirs))


SIZES = np.concatenate([np.geomspace(1e-30, 1e30, 400), np.linspace(0, 120, 1200)])


def alone(cell, pre, **options):
    """The states of a cell whose recurrent weights are 0."""
    w_h = np.zeros((8, CELLS[cell].from_h * 8), pre.dtype)
    return kernels.recurrence(pre, w_h, cell=cell, kernel="native", **options)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_tanh_is_exact_to_a_few_units_in_the_last_place(dtype, float64):
    x = np.concatenate([SIZES, -SIZES]).astype(dtype).reshape(1, -1, 8)
    h = np.asarray(alone("tanh", x)[0])
    want = np.tanh(x.astype(np.longdouble))
    assert np.all(np.abs(h - want) <= 4 * np.spacing(np.abs(want).astype(dtype)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_sigmoid_is_exact_to_a_few_units_in_the_last_place(dtype, float64):
    """The LSTM's c is its forget gate, where it was 1 and the input gate is closed by g = 0."""
    x = np.concatenate([SIZES, -SIZES]).astype(dtype).reshape(1, -1, 8)
    pre = np.concatenate([np.zeros_like(x), x, np.zeros_like(x), np.zeros_like(x)], axis=2)
    start = np.zeros_like(x[0]), np.ones_like(x[0])
    c = np.asarray(alone("lstm", pre, state=start)[1][1])
    with np.errstate(over="ignore"):
        want = 1 / (1 + np.exp(-x[0].astype(np.longdouble)))
    smallest = np.exp(-87.0 if dtype == "float32" else -708.0)  # that it gives, in place of 0
    allowed = 4 * np.spacing(want.astype(dtype)) + smallest
    assert np.all(np.abs(c - want) <= allowed)


@pytest.mark.parametrize("cell", ["relu", "tanh", "gru", "lstm"])
def test_nan_spreads_as_in_the_reference(cell):
    inputs = make_inputs(SHAPES[1], "float32", cell)
    x = inputs.x.at[2, 3, 4].set(np.nan)
    got, want = (
        kernels.rnn(inputs.params, x, cell=cell, kernel="native"),
        reference.rnn(inputs.params, x, cell=cell),
    )
    for ours, theirs in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
        np.testing.assert_array_equal(np.isnan(ours), np.isnan(theirs))


@every_level
@pytest.mark.parametrize(("dtype", "weight"), [("bfloat16", 256), ("float16", 32)])
def test_each_state_and_its_gradient_is_rounded_to_even_once_a_step(level, dtype, weight):
    """weight 2^-16 is half of what follows 1, which is even; the next step would tell."""
    w_h, small = jnp.full((1, 1), weight, dtype), jnp.full((1, 1), 2.0**-16, dtype)

    def run(pre, initial):
        return kernels.recurrence(pre, w_h, initial, kernel="native")[0]

    pre = jnp.array([1, -weight], dtype).reshape(2, 1, 1)
    np.testing.assert_array_equal(run(pre, small)[:, 0, 0], [1, 0])
    active = jnp.array([1, 1 - weight, 1 - weight], dtype).reshape(3, 1, 1)  # every state is 1
    _, vjp = jax.vjp(lambda pre: run(pre, jnp.zeros((1, 1), dtype)), active)
    (dpre,) = vjp(jnp.array([-weight, 1, small.item()], dtype).reshape(3, 1, 1))
    np.testing.assert_array_equal(dpre[:, 0, 0].astype(float), [0, 1, 2.0**-16])


@every_level
@pytest.mark.parametrize("poison", [np.nan, np.inf])
def test_no_infinity_reaches_another_column_in_16_bits(level, poison):
    """The padding of an odd last group holds what x has made of it."""
    inputs = make_inputs(SHAPES[1], "bfloat16", "lstm")  # H is 65
    x = inputs.x.at[2, 3, 4].set(poison)
    got = kernels.rnn(inputs.params, x, cell="lstm", kernel="native")
    want = reference.rnn(inputs.params, x, cell="lstm")
    for ours, theirs in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
        for kind in (jnp.isnan, jnp.isposinf, jnp.isneginf):
            np.testing.assert_array_equal(kind(ours), kind(theirs))


def test_only_gradients_that_are_asked_for_are_computed():
    inputs = make_inputs(SHAPES[1], "float32", "lstm")

    def lowered(argument):
        def loss(params, x, initial):
            return jnp.sum(kernels.rnn(params, x, initial, cell="lstm", kernel="native")[0])

        arguments = inputs.params, inputs.x, inputs.initial
        return jax.jit(jax.grad(loss, argnums=argument)).lower(*arguments).as_text()

    B, I, H = SHAPES[1].B, SHAPES[1].I, SHAPES[1].H  # noqa: E741
    no_dx, no_dinitial = f"tensor<0x{B}x{I}xf32>", f"tensor<0x{B}x{H}xf32>"
    left_out = {argument: lowered(argument) for argument in range(3)}
    assert [no_dx in left_out[argument] for argument in range(3)] == [True, False, True]
    # The forward pass that keeps its states has no such array.
    assert [no_dinitial in left_out[argument] for argument in range(3)] == [True, True, False]


def test_a_call_without_a_gradient_leaves_anothers_alone():
    """Both are calls of one compiled function, with one structure of what is kept."""
    inputs = make_inputs(SHAPES[1], "float32", "lstm")
    run = partial(kernels.rnn, inputs.params, cell="lstm", kernel="native")
    one = jax.grad(lambda *given: jnp.sum(run(*given)[0] ** 2), (0, 1))
    among_others = jax.grad(
        lambda x, initial: sum(
            jnp.sum(y**2)
            for y, _ in (run(x, initial), run(inputs.x, initial), run(x), run(inputs.x))
        ),
        (0, 1),
    )
    dx, dinitial = one(inputs.x, inputs.initial)
    dx_from_zero = jax.grad(lambda x: jnp.sum(run(x)[0] ** 2))(inputs.x)
    want = dx + dx_from_zero, jax.tree.map(lambda each: 2 * each, dinitial)
    hold_equal(among_others(inputs.x, inputs.initial), want, 1e-5)


# LSTM: c and four gates beside h.
@pytest.mark.parametrize(("cell", "kept"), [("relu", 1), ("lstm", 6)])
@pytest.mark.parametrize("differentiate", [False, True])
def test_nothing_is_kept_but_what_the_gradient_reads(differentiate, cell, kept):
    w = Workload("long", T=50, B=20, I=16, H=64, O=8)
    inputs = make_inputs(w, "float32", cell)

    def loss(params):
        return jnp.sum(kernels.rnn(params, inputs.x, cell=cell, kernel="native")[0])

    compiled = jax.jit(jax.grad(loss) if differentiate else loss).lower(inputs.params).compile()
    states = kept * w.T * w.B * w.H if differentiate else 0
    outputs = w.T * w.B * w.O  # and their gradient
    allowed = 4 * (states + 2 * outputs) + 2**15
    assert compiled.memory_analysis().temp_size_in_bytes <= allowed


def test_inputs_that_lie_otherwise_in_memory():
    inputs = make_inputs(SHAPES[1], "float32", "lstm")

    def run(params, x):
        return kernels.rnn(params, x, cell="lstm", kernel="native")

    @jax.jit
    def turned(params, x):
        return run(jax.tree.map(jnp.transpose, params), x.transpose(1, 0, 2))

    stored = jax.tree.map(jnp.transpose, inputs.params)
    got, want = turned(stored, inputs.x.transpose(1, 0, 2)), run(inputs.params, inputs.x)
    hold_equal(got, want, tolerance(SHAPES[1], "float32", "lstm"))


def test_auto_takes_it_where_it_pays():
    small = Problem(10, 1, 8, jnp.dtype("float32"), "relu", "full", "cpu")
    large = dataclasses.replace(small, B=50, H=256)
    assert fastest(large) == "native"
    assert fastest(small) == "scan"
    enough = dataclasses.replace(small, T=8, B=4, H=32)  # 2^15 multiplications
    assert fastest(enough) == "native"
    assert fastest(dataclasses.replace(enough, T=7)) == "scan"
    assert fastest(dataclasses.replace(large, dtype=jnp.dtype("bfloat16"))) == "native"
    assert fastest(dataclasses.replace(large, platform="gpu")) == "scan"


@pytest.mark.parametrize(
    ("machine", "has", "expected"),
    [
        ("x86_64", compiler.V4 | {"avx512_bf16"}, "x86-64-v4-bf16"),
        ("x86_64", compiler.V4, "x86-64-v4"),
        ("x86_64", compiler.V3 | {"avx512_bf16"}, "x86-64-v3"),  # each needs those below it
        ("x86_64", compiler.V4 - {"fma"}, "x86-64"),
        ("x86_64", set(), "x86-64"),
        ("aarch64", set(), "aarch64"),
    ],
)
def test_the_target_is_the_highest_level_of_which_the_cpu_has_all(
    machine, has, expected, monkeypatch
):
    monkeypatch.setattr(compiler, "machine", lambda: machine)
    monkeypatch.setattr(compiler, "_cpu_features", lambda: has)
    assert compiler.target.__wrapped__() == expected
