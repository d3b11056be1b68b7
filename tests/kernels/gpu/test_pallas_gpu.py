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
from kernels.contract import Problem

PROBLEM = Problem(10, 50, 256, jnp.dtype("bfloat16"), "relu", "full", "gpu")
HOPPER = AbstractMesh(
    (1,), ("d",), abstract_device=AbstractDevice("NVIDIA H100 80GB HBM3", 132, "cuda")
)
HALVES = ("forward", "backward")


def arguments(half: str, T: int, B: int, H: int, make) -> list:
    shapes = {"forward": [(T, B, H), (H, H), (B, H)], "backward": [(T, B, H)] * 2 + [(H, H)]}
    return [make(shape) for shape in shapes[half]]


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize(
    ("dtype", "H", "precision"), [("bfloat16", 256, "full"), ("float16", 100, "full"),
                                  ("float32", 128, "tf32")],
)  # fmt: skip
def test_lowers_to_one_triton_kernel(half, activation, dtype, H, precision):
    function = getattr(pallas, half)
    avals = arguments(half, 3, 5, H, lambda shape: jax.ShapeDtypeStruct(shape, dtype))
    with use_abstract_mesh(HOPPER), warnings.catch_warnings(action="ignore"):
        traced = jax.jit(lambda *x: function(*x, activation=activation, precision=precision))
        text = traced.trace(*avals).lower(lowering_platforms=("cuda",)).as_text()
    assert text.count("__gpu$xla.gpu.triton") == 1
    assert "while" not in text


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("H", [20, pallas.TILE])
def test_infinities_spread_as_in_scan(half, activation, H):
    """Also where H is padded, to 64. Positive, so that no infinity meets its opposite: NaN."""
    draw = np.random.default_rng(0).random
    arrays = arguments(half, 5, 17, H, lambda shape: np.float32(draw(shape) / 10))
    arrays[0][[0, -1], 3, 2] = np.inf
    got, want = (
        getattr(kernel, half)(*map(jnp.asarray, arrays), activation=activation, precision="full")
        for kernel in (pallas, scan)
    )
    assert np.isinf(want).any() or (half, activation) == ("forward", "tanh")
    np.testing.assert_allclose(got, want, rtol=1e-5)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"H": 999}, "H 999 needs 2048 KiB for W_hh (as 1024 x 1024); one SM holds 227 KiB"),
        ({"T": 10**6, "B": 100}, "T 1000000 x B 100 x H 256 is beyond"),
        ({"dtype": jnp.dtype("float32")}, "H 256 in full float32 spills registers"),
        ({"dtype": jnp.dtype("float64")}, "float64 is not compiled"),
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
    ],
)
def test_takes_what_just_fits(fits, one_more):
    problem = replace(PROBLEM, **fits)
    assert pallas.KERNEL.unsupported(problem) is None
    assert pallas.KERNEL.unsupported(replace(problem, **one_more)) is not None


def test_needs_no_backend_to_be_imported(monkeypatch):
    monkeypatch.delattr(pallas.pl, "triton", raising=False)
    monkeypatch.setitem(sys.modules, "jax.experimental.pallas.triton", None)
    assert runpy.run_path(pallas.__file__)["backend"] is None


def test_says_so_when_the_backend_is_gone(monkeypatch):
    assert pallas.KERNEL.unavailable("gpu") is None
    monkeypatch.setattr(pallas, "backend", None)
    assert "no longer has" in pallas.KERNEL.unavailable("gpu")
    assert pallas.KERNEL.unavailable("cpu") is None
    test_infinities_spread_as_in_scan("forward", "relu", 20)  # CPU needs it for nothing


def test_is_emulated_on_cpu_only():
    assert pallas.KERNEL.emulated("cpu") and not pallas.KERNEL.emulated("gpu")


def test_a_warp_has_sixteen_hidden_units_and_no_load_is_staged():
    params = [pallas._compiler_params(units) for units in (64, 256)]
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
        assert index is ... or 0 <= index < len(self.array)
        return index


@pytest.mark.parametrize("half", HALVES)
def test_a_kernel_reads_nothing_beyond_its_arrays(half):
    draw = np.random.default_rng(0).normal
    *others, last = (jnp.float32(draw(size=s)) for s in arguments(half, 3, 2, 4, lambda s: s))
    w_hh, one, other = (others[1], others[0], last) if half == "forward" else (last, *others)
    kernel, options = getattr(pallas, f"_{half}_kernel"), {"activation": "tanh"}
    result = Bounded(jnp.zeros_like(one))
    with jax.disable_jit():
        kernel(*map(Bounded, (w_hh, one, other)), result, H=4, precision="full", **options)
    want = getattr(scan, half)(*others, last, precision="full", **options)
    np.testing.assert_allclose(result.array, want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("half", HALVES)
def test_every_block_lies_within_its_array(half, monkeypatch):
    launched, pallas_call = [], pallas.pl.pallas_call

    def recording(kernel, **options):
        run = pallas_call(kernel, **options)

        def launch(*arrays):
            launched.append((options, [array.shape for array in arrays]))
            return run(*arrays)

        return launch

    monkeypatch.setattr(pallas.pl, "pallas_call", recording)
    arrays = arguments(half, 3, 2 * pallas.TILE, 64, lambda shape: jnp.ones(shape))
    getattr(pallas, half)(*arrays, activation="relu", precision="full")
    assert launched
    for options, shapes in launched:
        specs = [*options["in_specs"], options["out_specs"]]
        for spec, shape in zip(specs, [*shapes, options["out_shape"].shape], strict=True):
            for tile in range(*options["grid"]):
                block = zip(spec.index_map(tile), spec.block_shape, shape, strict=True)
                assert all(0 <= at * size <= of - size for at, size, of in block)
