"""What only the native kernel has to get right; the rest is in the conformance suite."""

import dataclasses
import fcntl
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import hold_equal
from test_conformance import hold

import kernels
import reference
from bench import inputs
from bench.tolerance import tolerance
from bench.workloads import Workload
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
    assert library.obstacle(request.param) is None
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
    made = inputs.make(shape, "float64")
    outputs, vjp = jax.vjp(
        lambda *a: kernels.rnn(*a, activation=activation, kernel="native"),
        made.params,
        made.x,
        made.h0,
    )
    dy, dh_last = made.targets.y, made.targets.h[-1]
    h = oracle.forward(made.params, made.x, made.h0, activation=activation).h
    want = oracle.backward(made.params, made.x, made.h0, h, dy, dh_last, activation=activation)
    hold_equal(jax.tree.leaves(vjp((dy, dh_last))), list(want), 1e-11, unit=0.0)
    assert outputs[0].dtype == np.float64


@pytest.mark.parametrize("place", ["x", "w_hh"])
@pytest.mark.parametrize("poison", [np.nan, np.inf])
def test_one_row_skips_no_nan(place, poison):
    """A state of 0 silences no NaN or infinity in W_hh, though it saves reading other weights."""
    made = inputs.make(SHAPES[0], "float32")
    x, params = made.x, made.params
    if place == "x":
        x = x.at[3, 0, 1].set(poison)
    else:
        params = params._replace(w_hh=params.w_hh.at[4].set(poison))
    got = kernels.rnn(params, x, kernel="native")
    want = reference.rnn(params, x)
    for ours, theirs in zip(got, want, strict=True):
        np.testing.assert_array_equal(np.isnan(ours), np.isnan(theirs))
        np.testing.assert_array_equal(np.isinf(ours), np.isinf(theirs))


def test_dx_is_computed_only_where_asked_for():
    made = inputs.make(SHAPES[1], "float32")

    def lowered(argument):
        def loss(params, x):
            return jnp.sum(kernels.rnn(params, x, kernel="native")[0])

        return jax.jit(jax.grad(loss, argnums=argument)).lower(made.params, made.x).as_text()

    B, I = SHAPES[1].B, SHAPES[1].I  # noqa: E741
    no_dx = f"tensor<0x{B}x{I}xf32>"
    assert no_dx in lowered(0)
    assert no_dx not in lowered(1)


@pytest.mark.parametrize("differentiate", [False, True])
def test_nothing_is_kept_but_states_and_outputs(differentiate):
    w = Workload("long", T=50, B=20, I=16, H=64, O=8)
    made = inputs.make(w, "float32")

    def loss(params):
        return jnp.sum(kernels.rnn(params, made.x, kernel="native")[0])

    compiled = jax.jit(jax.grad(loss) if differentiate else loss).lower(made.params).compile()
    states = w.T * w.B * w.H if differentiate else 0
    outputs = w.T * w.B * w.O  # and their gradient
    assert compiled.memory_analysis().temp_size_in_bytes <= 4 * (states + 2 * outputs) + 2**14


def test_inputs_that_lie_otherwise_in_memory():
    made = inputs.make(SHAPES[1], "float32")
    want = kernels.rnn(made.params, made.x, kernel="native")

    @jax.jit
    def run(params, x):
        turned = jax.tree.map(jnp.transpose, params)
        return kernels.rnn(type(params)(*turned), x.transpose(1, 0, 2), kernel="native")

    stored = jax.tree.map(jnp.transpose, made.params)
    hold_equal(run(stored, made.x.transpose(1, 0, 2)), want, tolerance(SHAPES[1], "float32"))


# The library's making.


@pytest.fixture
def empty_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "recurrent-kernels"


def libraries(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != "lock")


def test_two_that_build_at_once_build_once(empty_cache, monkeypatch):
    builds = []

    def compile_library(target, output):
        with (empty_cache / "lock").open() as other, pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        builds.append(target)
        output.write_text("a library")

    monkeypatch.setattr(compiler, "compile_library", compile_library)
    with ThreadPoolExecutor(4) as pool:
        paths = set(pool.map(library.build, ["x86-64"] * 4))
    assert builds == ["x86-64"]
    assert libraries(empty_cache) == [path.name for path in paths]


def test_a_failed_build_leaves_nothing_and_says_why(empty_cache, monkeypatch, tmp_path):
    broken = tmp_path / "broken-c++"
    broken.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && exit 0\necho "error: no luck" >&2; exit 1\n'
    )
    broken.chmod(0o755)
    monkeypatch.setattr(compiler, "find", lambda: str(broken))
    assert "error: no luck" in library.obstacle.__wrapped__("x86-64")
    assert libraries(empty_cache) == []


def test_without_a_compiler_the_rest_works(monkeypatch):
    monkeypatch.setattr(compiler, "NAMES", ("no-such-compiler",))
    monkeypatch.setattr(compiler, "find", compiler.find.__wrapped__)
    monkeypatch.setattr(library, "obstacle", library.obstacle.__wrapped__)
    assert "no C++ compiler found" in kernels.available()["native"]
    made = inputs.make(SHAPES[0], "float32")
    assert kernels.rnn(made.params, made.x)[0].shape == (9, 1, 5)
    with pytest.raises(ValueError, match="no C\\+\\+ compiler found"):
        kernels.rnn(made.params, made.x, kernel="native")


def test_another_compiler_jaxlib_or_source_is_another_library(empty_cache, monkeypatch, tmp_path):
    monkeypatch.setattr(compiler, "compile_library", lambda target, output: output.write_text("."))
    paths = [library.build("x86-64"), library.build("x86-64-v3")]
    monkeypatch.setattr(library.jaxlib, "__version__", "0.0.1")
    paths.append(library.build("x86-64"))
    monkeypatch.setattr(compiler, "version", lambda compiler: "c++ 99")
    paths.append(library.build("x86-64"))
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "other.h").write_text("// other")
    monkeypatch.setattr(compiler, "SOURCE", tmp_path / "source")
    paths.append(library.build("x86-64"))
    assert len(set(paths)) == len(paths)


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
