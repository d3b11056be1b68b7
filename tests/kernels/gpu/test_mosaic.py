"""The Mosaic GPU kernel without a GPU: numerics and races interpreted, layouts lowered."""

from dataclasses import replace
from functools import partial
from itertools import product
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental.pallas import mosaic_gpu as plgpu

from kernels import mosaic, recurrence
from kernels.contract import Problem, Run
from kernels.mosaic import Config, computing, config
from reference import CELLS, oracle
from tests.helpers.offline import Race, interpret, lower
from tests.helpers.oracle_checks import elman_slopes, elman_states

pytestmark = pytest.mark.timeout(60)

SHALLOW = Config(batch_tile=8, input_slots=2, state_slots=2, shared_columns=0, registers=None)
SIZES = {
    "one step": (1, 8, 64, None),
    "two steps": (2, 8, 64, None),
    "past the rings": (10, 8, 64, None),
    "shallow rings": (7, 8, 64, SHALLOW),
    "tile of 16": (3, 16, 64, replace(SHALLOW, batch_tile=16)),
    "tile of 32": (3, 32, 64, replace(SHALLOW, batch_tile=32, state_slots=3)),
    "part of a tile": (3, 11, 64, None),
    "two warpgroups": (3, 8, 128, None),
    "part of a warpgroup": (3, 8, 72, None),
    "part of W in shared memory": (3, 8, 128, replace(SHALLOW, shared_columns=64)),
    "all of W in shared memory": (3, 8, 128, replace(SHALLOW, shared_columns=128)),
}
KINDS = [("bfloat16", "relu"), ("bfloat16", "tanh"), ("float16", "relu"), ("float16", "tanh")]
# Every size once, the kinds in turn; a run is a second or more.
CASES = [(*KINDS[i % len(KINDS)], name) for i, name in enumerate(SIZES)]
CASES += [("float32", "tanh", "part of a tile"), ("float32", "relu", "part of a warpgroup")]
CHOICES = list(mosaic.choices())


def draw(seed, *shape, dtype, scale=1.0):
    return (scale * jax.random.normal(jax.random.key(seed), shape)).astype(dtype)


def forward_arguments(T, B, H, dtype):
    pre, initial = draw(0, T, B, H, dtype=dtype), draw(1, B, H, dtype=dtype)
    return pre, draw(2, H, H, dtype=dtype, scale=H**-0.5), initial


def backward_arguments(T, B, H, dtype):
    h = jnp.tanh(draw(3, T, B, H, dtype=jnp.float32)).astype(dtype)
    return draw(4, T, B, H, dtype=dtype), h, draw(2, H, H, dtype=dtype, scale=H**-0.5)


def half(function, cell, dtype, chosen=None):
    """Either half, as a function of its arrays."""
    run = Run(CELLS[cell], "tf32" if dtype == "float32" else "full")
    return partial(function, run, config=chosen)


def assert_rounded_once(got, want):
    """Each value is the exact one rounded to storage, but for float32 accumulation."""
    roundoff = float(jnp.finfo(got.dtype).eps) / 2
    np.testing.assert_allclose(oracle.wide(got), want, rtol=1.01 * roundoff, atol=1e-5)


@pytest.mark.parametrize(("dtype", "cell", "size"), CASES)
def test_forward_step_by_step(dtype, cell, size):
    T, B, H, chosen = SIZES[size]
    pre, w_h, initial = forward_arguments(T, B, H, dtype)
    h = interpret(half(mosaic.forward, cell, dtype, chosen), pre, w_h, initial)
    before = jnp.concatenate([initial[None], h[:-1]]).reshape(T * B, H)
    want = elman_states(cell, pre.reshape(1, T * B, H), w_h, before)
    assert_rounded_once(h.reshape(1, T * B, H), want)
    assert h.dtype == dtype


# The pipeline is the forward's, so a third of the cases will do.
@pytest.mark.parametrize(("dtype", "cell", "size"), CASES[::3])
def test_backward_step_by_step(dtype, cell, size):
    T, B, H, chosen = SIZES[size]
    dh, h, w_h = backward_arguments(T, B, H, dtype)
    dpre = interpret(half(mosaic.backward, cell, dtype, chosen), dh, h, w_h)
    # Two steps of the oracle from each dpre of the kernel, passed unchanged by a slope of 1.
    later = jnp.concatenate([dpre[1:], jnp.zeros_like(dpre[:1])])
    passing = jnp.full_like(h, 1 if cell == "relu" else 0)
    pairs = [jnp.stack(pair).reshape(2, T * B, H) for pair in ((dh, later), (h, passing))]
    want = elman_slopes(cell, *pairs, w_h)[0]
    assert_rounded_once(dpre.reshape(T * B, H), want)
    assert dpre.dtype == dtype


@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize("cell", ["relu", "tanh"])
def test_nonfinite_values_spread_as_in_the_oracle(cell):
    pre, w_h, initial = forward_arguments(3, 8, 72, "bfloat16")
    w_h = jnp.abs(w_h)  # else infinities of both signs meet, and all is NaN soon
    pre = pre.at[0, 1, 5].set(jnp.nan).at[0, 2, 6].set(jnp.inf).at[0, 3, 7].set(-jnp.inf)
    h = interpret(half(mosaic.forward, cell, "bfloat16"), pre, w_h, initial)
    want = elman_states(cell, pre, w_h, initial)
    for kind in (np.isnan, np.isposinf, np.isneginf):
        np.testing.assert_array_equal(kind(oracle.wide(h)), kind(want))


def no_fence(monkeypatch):
    monkeypatch.setattr(plgpu, "commit_smem", lambda: None)


def freed_before_stored(monkeypatch):
    wait = plgpu.wait_smem_to_gmem

    def at_the_end(n, wait_read_only=False):
        if not wait_read_only:
            wait(n)

    monkeypatch.setattr(plgpu, "wait_smem_to_gmem", at_the_end)


def announced_before_written(monkeypatch):
    publish, arrive = computing.publish, plgpu.barrier_arrive

    def early(block, state, slot):
        arrive(block.state_ready.at[slot])
        with monkeypatch.context() as during:
            during.setattr(plgpu, "barrier_arrive", lambda _: None)
            publish(block, state, slot)

    monkeypatch.setattr(computing, "publish", early)


@pytest.mark.parametrize("fault", [no_fence, freed_before_stored, announced_before_written])
def test_a_planted_fault_is_seen_as_a_race(fault, monkeypatch):
    fault(monkeypatch)
    run = half(mosaic.forward, "relu", "bfloat16", SHALLOW)
    with pytest.raises(Race):
        interpret(run, *forward_arguments(4, 8, 128, "bfloat16"))


def describe(problem):
    return f"{problem.dtype.name}, H {problem.H}, B {problem.B}"


@pytest.mark.parametrize("problem", CHOICES, ids=describe)
def test_every_choice_lowers_for_hopper(problem):
    sequence, weights, state = (
        jax.ShapeDtypeStruct(shape, problem.dtype)
        for shape in ((4, problem.B, problem.H), (problem.H, problem.H), (problem.B, problem.H))
    )
    forward, backward = (
        half(each, "tanh", problem.dtype) for each in (mosaic.forward, mosaic.backward)
    )
    assert "mosaic_gpu" in lower(forward, sequence, weights, state)
    assert "mosaic_gpu" in lower(backward, sequence, sequence, weights)


@pytest.mark.parametrize("inputs", [1, 2])
@pytest.mark.parametrize("problem", CHOICES, ids=describe)
def test_every_choice_fits_one_sm(problem, inputs):
    chosen, computing = mosaic.heuristic(problem, inputs), config.warpgroups(problem.H)
    assert config.shared_bytes(chosen, problem.H, problem.dtype.itemsize, inputs) <= 232448
    assert chosen.input_slots >= 2
    assert chosen.batch_tile * config.SMS == problem.B
    if chosen.registers is not None:
        copying, each = chosen.registers
        launched = 65536 // (128 * (computing + 1)) // 8 * 8
        assert copying + computing * each <= launched * (computing + 1)
        assert copying % 8 == each % 8 == 0 and copying >= 24


def test_choices_are_all_that_the_heuristic_chooses():
    known = {(mosaic.heuristic(p), config.padded_units(p.H), p.dtype) for p in CHOICES}
    for dtype, largest in (("bfloat16", 384), ("float16", 384), ("float32", 192)):
        for B, H in product((1, 50, 1056, 1057, 2113, 10**5), range(1, largest + 1)):
            problem = Problem(10, B, H, jnp.dtype(dtype), "relu", "tf32", "gpu")
            assert not mosaic.unsupported(problem)
            assert (mosaic.heuristic(problem), config.padded_units(H), problem.dtype) in known


def reason(H=256, dtype="bfloat16", precision="full", cell="relu"):
    return mosaic.unsupported(Problem(10, 50, H, jnp.dtype(dtype), cell, precision, "gpu"))


def test_refusals_are_in_words():
    assert reason() is reason(H=1) is reason(H=384, dtype="float16") is None
    assert "H 385 needs W_h of 290 KiB" in reason(H=385)
    assert "H 1024 needs W_h of 2048 KiB" in reason(H=1024)
    assert "precision='tf32'" in reason(H=64, dtype="float32")
    assert "float32 H 192 is the most" in reason(dtype="float32", precision="tf32")
    assert "float64 is no tensor-core format" in reason(dtype="float64")
    assert reason(cell="lstm") == "has Elman cells only: relu, tanh; the cell is 'lstm'"
    with pytest.raises(ValueError, match=r"'mosaic' cannot run .*Hopper"):
        recurrence(*forward_arguments(1, 8, 64, "bfloat16"), kernel="mosaic")


@pytest.mark.parametrize(
    ("capability", "expected"), [("9.0", None), ("10.0", "has 10.0"), ("gfx942", "has gfx942")]
)
def test_only_hopper_will_do(capability, expected, monkeypatch):
    device = SimpleNamespace(compute_capability=capability, device_kind="a GPU")
    monkeypatch.setattr(jax, "devices", lambda: [device])
    refusal = mosaic.unavailable("gpu")
    assert refusal is None if expected is None else expected in refusal
    assert "this is cpu" in mosaic.unavailable("cpu")


def test_without_a_gpu_it_is_available_to_its_compiler(monkeypatch):
    monkeypatch.setattr(jax, "devices", lambda: [SimpleNamespace(device_kind="cpu")])
    assert mosaic.unavailable("gpu") is None
