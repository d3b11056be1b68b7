"""The `pallas` kernel on a GPU, as far as a machine without one can tell: that it lowers.

What it computes is checked on CPU, where the same program is interpreted.
"""

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
def test_infinities_spread_as_in_scan(half, activation):
    """Also where H is padded: 20 to 64. Positive, lest an infinity meets its opposite: NaN."""
    draw = np.random.default_rng(0).random
    arrays = arguments(half, 5, 17, 20, lambda shape: np.float32(draw(shape) / 10))
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
        ({"H": 512}, "H 512 needs 512 KiB for W_hh (as 512 x 512); one SM holds 227 KiB"),
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


def test_says_so_when_the_backend_is_gone(monkeypatch):
    assert pallas.KERNEL.unavailable("gpu") is None
    monkeypatch.setattr(pallas, "backend", None)
    assert "no longer has" in pallas.KERNEL.unavailable("gpu")
    assert pallas.KERNEL.unavailable("cpu") is None
    test_infinities_spread_as_in_scan("forward", "relu")  # CPU needs it for nothing


def test_is_emulated_on_cpu_only():
    assert pallas.KERNEL.emulated("cpu") and not pallas.KERNEL.emulated("gpu")


def test_a_warp_has_sixteen_hidden_units():
    assert [pallas._compiler_params(units).num_warps for units in (64, 256)] == [4, 16]
