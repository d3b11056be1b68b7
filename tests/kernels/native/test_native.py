"""What only the native kernel has to get right; the rest is in the conformance suite."""

import dataclasses

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
from kernels.contract import Problem
from kernels.native import compiler, library
from kernels.registry import fastest
from reference import oracle

pytestmark = pytest.mark.skipif(
    kernels.available()["native"] is not None, reason=str(kernels.available()["native"])
)
# Sizes on both sides of a panel, of a block of depth, of the register tile, of one team or many.
SHAPES = [
    Workload("one row", T=9, B=1, I=3, H=70, O=5),
    Workload("two groups", T=7, B=37, I=40, H=65, O=33),
    Workload("deep", T=3, B=5, I=300, H=520, O=64),
    Workload("whole panels", T=1, B=9, I=32, H=64, O=32),
    Workload("wide", T=2, B=2, I=4, H=2560, O=3),
]


def levels():
    """Those of this CPU."""
    return list(compiler.LEVELS)[list(compiler.LEVELS).index(compiler.target()) :]


@pytest.fixture
def level(request, monkeypatch):
    """Nothing compiled for another level is found again, before or after."""
    jax.clear_caches()
    monkeypatch.setattr(compiler, "target", lambda: request.param)
    assert library.load(request.param) is None
    yield
    jax.clear_caches()


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("shape", SHAPES, ids=lambda workload: workload.name)
def test_shapes(shape, activation, dtype):
    hold(shape, dtype, activation, "native")


@pytest.mark.parametrize("level", levels(), indirect=True)
@pytest.mark.parametrize("shape", SHAPES[:3], ids=lambda workload: workload.name)
def test_every_instruction_set(level, shape):
    hold(shape, "float32", "relu", "native")
    hold(shape, "float32", "tanh", "native")


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("shape", SHAPES, ids=lambda workload: workload.name)
def test_gradients_are_those_of_bptt(shape, activation, float64):
    inputs = make_inputs(shape, "float64")
    outputs, vjp = jax.vjp(
        lambda *a: kernels.rnn(*a, activation=activation, kernel="native"),
        inputs.params,
        inputs.x,
        inputs.h0,
    )
    dy, dh_last = inputs.targets.y, inputs.targets.h[-1]
    h = oracle.forward(inputs.params, inputs.x, inputs.h0, activation=activation).h
    want = oracle.backward(
        inputs.params, inputs.x, inputs.h0, h, dy, dh_last, activation=activation
    )
    hold_equal(jax.tree.leaves(vjp((dy, dh_last))), list(want), 1e-11, unit=0.0)
    assert outputs[0].dtype == np.float64


@pytest.mark.parametrize("place", ["x", "w_hh"])
@pytest.mark.parametrize("poison", [np.nan, np.inf])
def test_one_row_skips_no_nan(place, poison):
    """A state of 0 silences no NaN or infinity in W_hh, though it saves reading other weights."""
    inputs = make_inputs(SHAPES[0], "float32")
    x, params = inputs.x, inputs.params
    if place == "x":
        x = x.at[3, 0, 1].set(poison)
    else:
        params = params._replace(w_hh=params.w_hh.at[4].set(poison))
    got = kernels.rnn(params, x, kernel="native")
    want = reference.rnn(params, x)
    for ours, theirs in zip(got, want, strict=True):
        np.testing.assert_array_equal(np.isnan(ours), np.isnan(theirs))
        np.testing.assert_array_equal(np.isinf(ours), np.isinf(theirs))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_tanh_is_exact_to_a_few_units_in_the_last_place(dtype, float64):
    """Weights of 0 leave only the activation."""
    sizes = np.concatenate([np.geomspace(1e-30, 1e30, 400), np.linspace(0, 24, 400)])
    z = np.concatenate([sizes, -sizes]).astype(dtype).reshape(1, -1, 8)
    w_hh = np.zeros((8, 8), dtype)
    h = np.asarray(kernels.recurrence(z, w_hh, activation="tanh", kernel="native"))
    want = np.tanh(z.astype(np.longdouble))
    assert np.all(np.abs(h - want) <= 4 * np.spacing(np.abs(want).astype(dtype)))


def test_tanh_keeps_the_sign_of_zero():
    z, w_hh, h0 = -jnp.zeros((1, 1, 1)), jnp.zeros((1, 1)), -jnp.ones((1, 1))  # -1 * 0 is -0
    assert np.signbit(kernels.recurrence(z, w_hh, h0, activation="tanh", kernel="native"))


def test_each_state_and_its_gradient_is_rounded_to_even_once_a_step():
    """1 + 2^-8 lies halfway between 1, which is even, and 1 + 2^-7; the next step would tell."""
    w_hh, near_1 = jnp.full((1, 1), 256, "bfloat16"), jnp.full((1, 1), 2.0**-16, "bfloat16")

    def run(z, h0):
        return kernels.recurrence(z, w_hh, h0, kernel="native")

    z = jnp.array([1, -256], "bfloat16").reshape(2, 1, 1)
    np.testing.assert_array_equal(run(z, near_1)[:, 0, 0], [1, 0])
    active = jnp.array([1, -255, -255], "bfloat16").reshape(3, 1, 1)  # every state is 1
    _, vjp = jax.vjp(lambda z: run(z, jnp.zeros((1, 1), "bfloat16")), active)
    (dz,) = vjp(jnp.array([-256, 1, near_1.item()], "bfloat16").reshape(3, 1, 1))
    np.testing.assert_array_equal(dz[:, 0, 0].astype(float), [0, 1, 2.0**-16])


def test_gradients_of_what_several_threads_convert():
    inputs = make_inputs(SHAPES[1], "bfloat16")
    _, vjp = jax.vjp(
        lambda *a: kernels.rnn(*a, activation="tanh", kernel="native"),
        inputs.params,
        inputs.x,
        inputs.h0,
    )
    dy, dh_last = inputs.targets.y, inputs.targets.h[-1]
    h = oracle.forward(inputs.params, inputs.x, inputs.h0, activation="tanh").h
    want = oracle.backward(inputs.params, inputs.x, inputs.h0, h, dy, dh_last, activation="tanh")
    allowed = tolerance(SHAPES[1], "bfloat16", "train")
    hold_equal(jax.tree.leaves(vjp((dy, dh_last))), list(want), allowed)


def test_dx_is_computed_only_where_asked_for():
    inputs = make_inputs(SHAPES[1], "float32")

    def lowered(argument):
        def loss(params, x):
            return jnp.sum(kernels.rnn(params, x, kernel="native")[0])

        return jax.jit(jax.grad(loss, argnums=argument)).lower(inputs.params, inputs.x).as_text()

    B, I = SHAPES[1].B, SHAPES[1].I  # noqa: E741
    no_dx = f"tensor<0x{B}x{I}xf32>"
    assert no_dx in lowered(0)
    assert no_dx not in lowered(1)


@pytest.mark.parametrize("differentiate", [False, True])
def test_nothing_is_kept_but_states_and_outputs(differentiate):
    w = Workload("long", T=50, B=20, I=16, H=64, O=8)
    inputs = make_inputs(w, "float32")

    def loss(params):
        return jnp.sum(kernels.rnn(params, inputs.x, kernel="native")[0])

    lowered = jax.jit(jax.grad(loss) if differentiate else loss).lower(inputs.params)
    no_states = f"tensor<0x{w.B}x{w.H}xf32>"
    assert (no_states in lowered.as_text()) != differentiate
    compiled = lowered.compile()
    states = w.T * w.B * w.H if differentiate else 0
    outputs = w.T * w.B * w.O  # and their gradient
    assert compiled.memory_analysis().temp_size_in_bytes <= 4 * (states + 2 * outputs) + 2**14


def test_inputs_that_lie_otherwise_in_memory():
    inputs = make_inputs(SHAPES[1], "float32")
    want = kernels.rnn(inputs.params, inputs.x, kernel="native")

    @jax.jit
    def run(params, x):
        turned = jax.tree.map(jnp.transpose, params)
        return kernels.rnn(type(params)(*turned), x.transpose(1, 0, 2), kernel="native")

    stored = jax.tree.map(jnp.transpose, inputs.params)
    hold_equal(run(stored, inputs.x.transpose(1, 0, 2)), want, tolerance(SHAPES[1], "float32"))


def test_auto_takes_it_where_it_pays():
    small = Problem(10, 1, 8, jnp.dtype("float32"), "relu", "full", "cpu")
    large = dataclasses.replace(small, B=50, H=256)
    assert fastest(large) == "native"
    assert fastest(small) == "scan"
    enough = dataclasses.replace(small, T=8, B=4, H=32)  # 2^15 multiplications
    assert fastest(enough) == "native"
    assert fastest(dataclasses.replace(enough, T=7)) == "scan"
    assert fastest(dataclasses.replace(large, dtype=jnp.dtype("bfloat16"))) == "scan"
    assert fastest(dataclasses.replace(large, platform="gpu")) == "scan"


@pytest.mark.parametrize(
    ("machine", "features", "expected"),
    [
        ("x86_64", ("x86-64-v3", "x86-64-v4"), "x86-64-v4"),
        ("x86_64", ("x86-64-v3",), "x86-64-v3"),
        ("x86_64", ("x86-64-v4",), "x86-64"),  # each level needs those below it
        ("x86_64", (), "x86-64"),
        ("aarch64", (), "aarch64"),
    ],
)
def test_the_target_is_the_highest_level_of_which_the_cpu_has_all(
    machine, features, expected, monkeypatch
):
    has = set().union(*(compiler.LEVELS[level] for level in features))
    monkeypatch.setattr(compiler, "machine", lambda: machine)
    monkeypatch.setattr(compiler, "_cpu_features", lambda: has)
    assert compiler.target.__wrapped__() == expected
