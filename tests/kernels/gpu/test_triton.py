"""What the Triton programs compile to on Hopper, what they refuse, and that nobody needs Triton."""

import re
import subprocess
import sys
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest
from jax._src.interpreters import partial_eval
from jax.extend.core import ClosedJaxpr

from bench.studies.static import by_triton
from bench.studies.static.cubin import SHARED_LIMIT, Usage, loop
from kernels import triton
from kernels.contract import Problem, Recurrent, Run, Steps
from reference import CELLS

ROOT = Path(__file__).parents[3]
HALVES = ("forward", "backward")
PROBLEM = Problem(10, 50, 256, jnp.dtype("bfloat16"), "relu", "full", "gpu")
# Every padded size that fits each dtype, and one size that is padded. T and B are not compiled in.
SIZES = [("bfloat16", H) for H in (64, 128, 200, 256)] + [("float32", H) for H in (64, 128)]
COMPILED = [
    *product(HALVES, SIZES, ["tanh"]),
    *product(HALVES, [("bfloat16", 256)], ["relu"]),
    ("forward", ("float16", 256), "tanh"),  # the longest code: tanh in float32
]


@pytest.fixture(params=COMPILED, ids=lambda case: "-".join(map(str, (case[0], *case[1], case[2]))))
def compiled(request) -> Usage:
    half, (dtype, H), cell = request.param
    return by_triton.compile_half(half, dtype, H, cell)


def test_fits_hopper_and_keeps_w_h_in_registers(compiled):
    """A wgmma whose first operand is a register, fetched by no load of the loop."""
    assert compiled.spill_bytes == 0
    assert compiled.shared_bytes <= SHARED_LIMIT
    step = loop(compiled.sass)
    products = [line for line in step if "HGMMA" in line]
    assert products and all(re.search(r"HGMMA\S* R\d+, R\d+, gdesc", line) for line in products)
    assert sum("LDSM" in line for line in step) <= 3


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize("H", [64, 128, 256])
def test_fits_an_a100_too(half, H):
    usage = by_triton.compile_half(half, "bfloat16", H, "relu", capability=80)
    assert usage.spill_bytes == 0
    assert usage.shared_bytes <= 166912  # what a thread block may ask for there


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"H": 257}, "H 257 needs 512 KiB for W_h"),
        ({"H": 129, "dtype": jnp.dtype("float32"), "precision": "tf32"}, "H 129 needs 256 KiB"),
        ({"dtype": jnp.dtype("float32")}, "full float32 products spill"),
        ({"dtype": jnp.dtype("float64")}, "float64 is not written"),
        ({"cell": "gru"}, "has Elman cells only: relu, tanh; the cell is 'gru'"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_refuses_in_words(change, reason):
    assert triton.KERNEL.unsupported(replace(PROBLEM, **change)).startswith(reason)


@pytest.mark.parametrize("H", [1, 64, 100, 256])
def test_takes_any_size_that_fits(H):
    assert triton.KERNEL.unsupported(replace(PROBLEM, H=H)) is None
    tf32 = replace(PROBLEM, H=min(H, 128), dtype=jnp.dtype("float32"), precision="tf32")
    assert triton.KERNEL.unsupported(tf32) is None


@pytest.mark.parametrize("T", [1, 7])
@pytest.mark.parametrize("half", HALVES)
def test_can_be_traced_and_pruned(half, T):
    """As far as lowering goes without JAX's CUDA plugin: jax-triton's own rules must not raise."""
    if reason := triton.KERNEL.unavailable("gpu"):
        pytest.skip(reason)
    shapes = {"forward": [(T, 5, 9), (9, 9), (5, 9)], "backward": [(T, 5, 9)] * 2 + [(9, 9)]}
    function = partial(getattr(triton, half), Run(CELLS["relu"], "full"))
    avals = [jax.ShapeDtypeStruct(shape, "bfloat16") for shape in shapes[half]]
    closed = jax.make_jaxpr(function)(*avals)
    assert [(out.shape, out.dtype) for out in closed.out_avals] == [((T, 5, 9), "bfloat16")]
    pruned, _ = partial_eval.dce_jaxpr(innermost(closed.jaxpr), [True])
    assert [str(equation.primitive) for equation in pruned.eqns] == ["triton_kernel_call"]


def innermost(jaxpr):
    """Of programs that are one equation each, the one within all others."""
    (equation,) = jaxpr.eqns
    inner = [each for each in equation.params.values() if isinstance(each, ClosedJaxpr)]
    return innermost(inner[0].jaxpr) if inner else jaxpr


def states(pre, w_h, initial):
    weights = Recurrent(w_h, jnp.zeros(0, w_h.dtype))
    run = Run(CELLS["relu"], "full")
    return triton.KERNEL.forward(run, pre, weights, (initial,), None, keep=False).h


def slopes(dh, h, w_h):
    weights, zero = Recurrent(w_h, jnp.zeros(0, w_h.dtype)), (jnp.zeros_like(h[0]),)
    return triton.KERNEL.backward(
        Run(CELLS["relu"], "full"), dh, zero, Steps(h, zero), weights, zero, None
    )[0]


CONTRACT = {"forward": states, "backward": slopes}


@pytest.mark.parametrize("half", HALVES)
def test_a_mapped_axis_is_more_rows_of_one_launch(half):
    if reason := triton.KERNEL.unavailable("gpu"):
        pytest.skip(reason)
    shapes = {"forward": [(4, 5, 9), (9, 9), (5, 9)], "backward": [(4, 5, 9)] * 2 + [(9, 9)]}
    axes = {"forward": (0, None, 0), "backward": (0, 0, None)}[half]
    avals = [
        jax.ShapeDtypeStruct(shape if axis is None else (2, *shape), "bfloat16")
        for shape, axis in zip(shapes[half], axes, strict=True)
    ]
    traced = str(jax.make_jaxpr(jax.vmap(CONTRACT[half], axes))(*avals))
    assert traced.count("triton_kernel_call[") == 1
    assert "bf16[4,10,9] = triton_kernel_call[" in traced


def test_says_that_it_needs_a_gpu():
    assert triton.KERNEL.unavailable("cpu") == "needs an NVIDIA GPU; this is cpu"


@pytest.mark.parametrize("package", ["jax_triton", "triton"])
def test_everything_else_works_without(package):
    """In a process where the package cannot be imported."""
    code = f"""
import sys
sys.modules[{package!r}] = None
import jax.numpy as jnp, kernels
from kernels import triton
assert kernels.available()["triton"]
assert "cannot be imported" in triton.KERNEL.unavailable("gpu"), triton.KERNEL.unavailable("gpu")
kernels.recurrence(jnp.zeros((2, 3, 4)), jnp.zeros((4, 4)))
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_triton_is_not_imported_before_it_is_used():
    code = "import sys, kernels; kernels.available(); sys.exit('triton' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
