"""The Triton programs in Triton's interpreter, held against the float64 oracle.

Not bfloat16, whose products the interpreter gets wrong; the program is the same but for tanh.
"""

import pickle
import subprocess
import sys
from collections.abc import Callable
from itertools import product
from math import sqrt
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from kernels.common import elman
from kernels.contract import Run
from reference import CELLS, oracle
from tests.helpers.elman_halves import slopes, states
from tests.helpers.oracle_checks import elman_slopes, elman_states

ROOT = Path(__file__).parents[3]
SHAPES = ((1, 1, 64), (2, 33, 16), (5, 17, 100), (4, 20, 256))  # T, B, H
DTYPES = ("float32", "float16")
CASES = tuple(product(SHAPES, DTYPES, elman.CELLS))
NAMES = ["-".join(map(str, (*shape, dtype, cell))) for shape, dtype, cell in CASES]


def inputs(shape, dtype: str) -> dict[str, np.ndarray]:
    """pre, dh, h (T, B, H), initial (B, H), W_h of norm below 1, so that errors do not grow."""
    _, B, H = shape
    draw = np.random.default_rng(H).standard_normal
    w_h = 0.9 * np.linalg.qr(draw((H, H)))[0]
    arrays = {"pre": draw(shape), "initial": draw((B, H)), "w_h": w_h, "dh": draw(shape)}
    arrays["h"] = np.maximum(np.tanh(draw(shape)), -0.5)
    arrays["h"][draw(shape) < 0] = 0
    return {name: array.astype(dtype) for name, array in arrays.items()}


def forward(shape, dtype: str, cell: str, **changes: np.ndarray):
    """The launch of `kernels.triton.programs.forward`, and what it should give."""
    x = inputs(shape, dtype) | changes
    arguments = [x["pre"], x["w_h"], x["initial"], *shape[:2], np.full(shape, 7, dtype)]
    want = elman_states(cell, x["pre"], x["w_h"], x["initial"])
    return ("forward", arguments, shape[2], cell), want


def backward(shape, dtype: str, cell: str, **changes: np.ndarray):
    """The launch of `kernels.triton.programs.backward`, and what it should give."""
    x = inputs(shape, dtype) | changes
    arguments = [x["dh"], x["h"], x["w_h"], *shape[:2], np.full(shape, 7, dtype)]
    want = elman_slopes(cell, x["dh"], x["h"], x["w_h"])
    return ("backward", arguments, shape[2], cell), want


def polluted(half: Callable, cell: str):
    """NaN and infinities in the first step taken, at H 100, which is padded to 128.

    W_hh > 0 keeps an infinity from meeting its opposite, which would hide a NaN from the padding.
    Equal to `scan`: the oracle multiplies by a slope of 0 where the kernels choose 0.
    """
    name, first = {forward: ("pre", 0), backward: ("dh", -1)}[half]
    shape, dtype = (4, 20, 100), "float32"
    changes = {key: np.abs(inputs(shape, dtype)[key]) for key in ("w_h", name)}
    changes[name][first, 2, :50] = np.nan
    changes[name][first, 9, :50] = changes[name][first, 18, 99] = np.inf
    launch, _ = half(shape, dtype, cell, **changes)
    arrays = [jnp.asarray(array) for array in launch[1][:-1] if isinstance(array, np.ndarray)]
    return launch, np.asarray(BY_SCAN[half](Run(CELLS[cell], "full"), *arrays))


BY_SCAN = {forward: states, backward: slopes}


def launch_all(launches: list, folder: Path) -> list[np.ndarray]:
    source, target = folder / "launches", folder / "outputs"
    source.write_bytes(pickle.dumps(launches))
    command = [sys.executable, "-m", "tests.helpers.triton_interpreted", source, target]
    subprocess.run(command, check=True, cwd=ROOT)
    return pickle.loads(target.read_bytes())


@pytest.fixture(scope="module", params=(forward, backward), ids=lambda half: half.__name__)
def half(request) -> Callable:
    return request.param


@pytest.fixture(scope="module")
def results(half, tmp_path_factory) -> list[tuple[np.ndarray, np.ndarray]]:
    """What came out and what should have, for CASES and then for each cell, polluted."""
    launches = [half(*case) for case in CASES]
    launches += [polluted(half, cell) for cell in elman.CELLS]
    calls, expected = zip(*launches, strict=True)
    got = launch_all(list(calls), tmp_path_factory.mktemp("triton"))
    return list(zip(got, expected, strict=True))


def tolerance(shape, dtype: str) -> float:
    """Five standard deviations of T independent steps: stored roundings, H accumulated terms."""
    T, _, H = shape
    stored, accumulated = np.finfo(dtype).eps / 2, np.finfo(np.float32).eps / 2
    return 5 * sqrt(T * (2 * stored**2 + H * accumulated**2))


@pytest.mark.parametrize("case", range(len(CASES)), ids=NAMES)
def test_agrees_with_the_oracle(results, case):
    (shape, dtype, _), (got, want) = CASES[case], results[case]
    error = np.abs(oracle.wide(got) - want).max() / max(1, np.abs(want).max())
    assert error <= tolerance(shape, dtype)


@pytest.mark.parametrize("cell", range(len(elman.CELLS)), ids=elman.CELLS)
def test_nan_and_inf_spread_as_in_scan(results, cell):
    got, want = results[len(CASES) + cell]
    assert np.isnan(want).any() and np.isfinite(want).any()
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4)  # NaN and Inf in the same places
