"""The `pallas` kernel on a GPU, as far as a machine without one can tell: that it lowers.

What it computes is checked on CPU, where the same program is interpreted.
"""

import runpy
import sys
import warnings
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AbstractDevice, AbstractMesh, use_abstract_mesh

from kernels import pallas, scan
from kernels.contract import Problem, Recurrent, Run
from kernels.pallas import calls, launch, limits
from reference import CELLS

TF32 = (jnp.dtype("float32"), "tf32")
PROBLEM = Problem(10, 50, 256, jnp.dtype("bfloat16"), "relu", "full", "gpu")
HOPPER = AbstractMesh(
    (1,), ("d",), abstract_device=AbstractDevice("NVIDIA H100 80GB HBM3", 132, "cuda")
)
HALVES = ("forward", "backward")


def half(name: str, cell: str, precision: str = "full", kernel=pallas.KERNEL):
    """One half as a function of `arguments`, the backward one at steps of its own forward half."""
    run = Run(CELLS[cell], precision)

    def forward(pre, weights, initial, *_):
        return kernel.forward(run, pre, weights, initial, None, keep=True)

    def backward(pre, weights, initial, dh, dlast):
        steps = forward(pre, weights, initial)
        return kernel.backward(run, dh, dlast, steps, weights, initial, None)

    return {"forward": forward, "backward": backward}[name]


def arguments(cell: str, T: int, B: int, H: int, make) -> tuple:
    """Of either half: pre, weights and initial state, dh and dlast."""
    kind = CELLS[cell]
    weights = Recurrent(make((H, kind.from_h * H)), make((kind.own * H,)))
    state = tuple(make((B, H)) for _ in kind.states)
    return make((T, B, kind.from_x * H)), weights, state, make((T, B, H)), state


@pytest.mark.parametrize("name", HALVES)
@pytest.mark.parametrize(
    ("cell", "dtype", "H", "precision"),
    [
        ("relu", "bfloat16", 256, "full"),
        ("tanh", "float16", 100, "full"),
        ("gru", "float32", 128, "tf32"),
        ("lstm", "bfloat16", 128, "full"),
    ],
)
def test_lowers_to_one_triton_kernel(name, cell, dtype, H, precision):
    avals = arguments(cell, 3, 5, H, lambda shape: jax.ShapeDtypeStruct(shape, dtype))
    with use_abstract_mesh(HOPPER), warnings.catch_warnings(action="ignore"):
        traced = jax.jit(half(name, cell, precision)).trace(*avals)
        text = traced.lower(lowering_platforms=("cuda",)).as_text()
    assert text.count("__gpu$xla.gpu.triton") == 1 + (name == "backward")
    assert "while" not in text


@pytest.mark.parametrize("name", HALVES)
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("H", [20, 16])
def test_infinities_spread_as_in_scan(name, cell, H):
    """Also where H is padded, to 64. Positive, so that no infinity meets its opposite: NaN."""
    draw = np.random.default_rng(0).random
    pre, *others, dh, dlast = arguments(cell, 5, 17, H, lambda shape: np.float32(draw(shape) / 10))
    (pre if name == "forward" else dh)[[0, -1], 3, 2] = np.inf
    operands = jax.tree.map(jnp.asarray, (pre, *others, dh, dlast))
    got, want = (half(name, cell, kernel=each)(*operands) for each in (pallas.KERNEL, scan.KERNEL))
    got, want = ((each[0], each[1]) for each in (got, want))  # what is saved is a kernel's own
    for one, other in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    assert not all(np.isfinite(each).all() for each in jax.tree.leaves(want)) or (
        name == "forward" and cell != "relu"
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"H": 999}, "H 999 needs 2048 KiB for W_h (as 1024 x 1024); one SM holds 227 KiB"),
        ({"T": 10**6, "B": 100}, "T 1000000 x B 100 x H 256 is beyond"),
        ({"dtype": jnp.dtype("float32")}, "H 256 in full float32 spills registers"),
        ({"dtype": jnp.dtype("float64")}, "float64 is not compiled"),
        ({"cell": "gru"}, "H 256 needs 384 KiB for W_h (as 256 x 3 x 256); one SM holds 227 KiB"),
        ({"cell": "lstm", "H": 64, "dtype": jnp.dtype("float32")}, "cell 'lstm' in full float32"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_refuses_in_words_on_a_gpu_only(change, reason):
    problem = replace(PROBLEM, **change)
    assert pallas.KERNEL.unsupported(problem).startswith(reason)
    assert pallas.KERNEL.unsupported(replace(problem, platform="cpu")) is None


@pytest.mark.parametrize(
    ("fits", "one_more"),
    [
        ({"dtype": jnp.dtype("float32"), "H": 64}, {"H": 65}),
        ({"H": 256}, {"H": 257}),  # padded to powers of two
        ({"T": 2**17 - 1, "B": 48}, {"T": 2**17}),  # times 64 padded rows and 256 units: 2^31
        ({"cell": "lstm", "H": 128}, {"H": 129}),
        ({"cell": "gru", "H": 128, "dtype": TF32[0], "precision": TF32[1]}, {"cell": "lstm"}),
        # GRU's four slots, and five numbers that an LSTM's step leaves behind
        ({"cell": "gru", "T": 2**16 - 1, "B": 48, "H": 128}, {"cell": "lstm"}),
    ],
)
def test_takes_what_just_fits(fits, one_more):
    problem = replace(PROBLEM, **fits)
    assert pallas.KERNEL.unsupported(problem) is None
    assert pallas.KERNEL.unsupported(replace(problem, **one_more)) is not None


def test_needs_no_backend_to_be_imported(monkeypatch):
    monkeypatch.delattr(launch.pl, "triton", raising=False)
    monkeypatch.setitem(sys.modules, "jax.experimental.pallas.triton", None)
    assert runpy.run_path(limits.__file__)["backend"] is None


def test_says_so_when_the_backend_is_gone(monkeypatch):
    assert pallas.KERNEL.unavailable("gpu") is None
    for module in (limits, launch):
        monkeypatch.setattr(module, "backend", None)
    assert "no longer has" in pallas.KERNEL.unavailable("gpu")
    assert pallas.KERNEL.unavailable("cpu") is None
    test_infinities_spread_as_in_scan("forward", "relu", 20)  # CPU needs it for nothing


def test_is_emulated_on_cpu_only():
    assert pallas.KERNEL.emulated("cpu") and not pallas.KERNEL.emulated("gpu")


def test_a_warp_has_sixteen_hidden_units_and_no_load_is_staged():
    params = [launch._compiler_params(units) for units in (64, 256)]
    assert [(each.num_warps, each.num_stages) for each in params] == [(4, 1), (16, 1)]


class Bounded:
    """An array as a kernel sees it. The interpreter moves an index beyond its ends back inside."""

    def __init__(self, array):
        self.array, self.dtype = array, array.dtype

    def __len__(self):
        return len(self.array)

    def __getitem__(self, index):
        return self.array[self._checked(index)]

    def __setitem__(self, index, value):
        self.array = self.array.at[self._checked(index)].set(value)

    def _checked(self, index):
        every = index if isinstance(index, tuple) else (index,)
        for at, size in zip(every, self.array.shape, strict=False):
            assert isinstance(at, slice) or 0 <= at < size
        return index


@pytest.fixture
def bounded(monkeypatch):
    """Every launch runs its program once, in Python, on arrays that know their ends."""

    def run(kernel, *, out_shape, **_):
        def call(*operands):
            results = [Bounded(jnp.zeros(each.shape, each.dtype)) for each in out_shape]
            with jax.disable_jit():
                kernel(*jax.tree.map(Bounded, operands), *results)
            return tuple(result.array for result in results)

        return call

    monkeypatch.setattr(launch.pl, "pallas_call", run)
    # Traced, no index has a value.
    monkeypatch.setattr(jax.lax, "platform_dependent", lambda *operands, cpu, **_: cpu(*operands))
    monkeypatch.setattr(calls, "opaque", lambda rule: lambda call: call)


@pytest.mark.parametrize("name", HALVES)
@pytest.mark.parametrize("cell", ["tanh", "gru", "lstm"])
def test_a_program_reads_and_writes_nothing_beyond_its_arrays(name, cell, bounded):
    draw = np.random.default_rng(0).normal
    operands = arguments(cell, 3, 2, 4, lambda shape: jnp.float32(draw(size=shape)))
    got, want = (half(name, cell, kernel=each)(*operands) for each in (pallas.KERNEL, scan.KERNEL))
    for one, other in zip(jax.tree.leaves(got[:2]), jax.tree.leaves(want[:2]), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", HALVES)
def test_every_block_lies_within_its_array(name, monkeypatch):
    launched, pallas_call = [], launch.pl.pallas_call

    def recording(kernel, **options):
        run = pallas_call(kernel, **options)

        def call(*arrays):
            launched.append((options, jax.tree.leaves(arrays)))
            return run(*arrays)

        return call

    monkeypatch.setattr(launch.pl, "pallas_call", recording)
    operands = arguments("gru", 3, 2 * limits.TILE, 64, lambda shape: jnp.ones(shape))
    half(name, "gru")(*operands)
    assert launched
    for options, arrays in launched:
        specs = jax.tree.leaves(options["in_specs"]) + list(options["out_specs"])
        for spec, array in zip(specs, [*arrays, *options["out_shape"]], strict=True):
            for tile in range(*options["grid"]):
                block = zip(spec.index_map(tile), spec.block_shape, array.shape, strict=True)
                assert all(0 <= at * size <= of - size for at, size, of in block)
