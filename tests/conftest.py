"""Shared by all tests. Hypothesis draws the same examples every time."""

import os
import signal

# The GPU interpreter blocks a thread of XLA's for each warpgroup. XLA has as many as there are
# cores, and waits for ever if that is too few; it asks once, when the first array is made.
os.environ.setdefault("NPROC", "64")

import jax
import jax.numpy as jnp
import pytest
from hypothesis import settings

import kernels
from bench.tolerance import deviation
from kernels.contract import Problem, current_platform
from kernels.registry import KERNELS

jax.config.update("jax_num_cpu_devices", 4)  # for programs over several devices

settings.register_profile("suite", deadline=None, derandomize=True, max_examples=5)
settings.load_profile("suite")

# A shell's background ignores Ctrl-C, and so would what these tests start in order to interrupt it.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(params=KERNELS)
def kernel(request):
    """Every kernel that this machine has."""
    if reason := kernels.available()[request.param]:
        pytest.skip(reason)
    return request.param


@pytest.fixture
def dtype(kernel):
    """float32 where the kernel takes it in full precision: tensor-core kernels do not."""
    return full_precision(kernel)


def full_precision(kernel):
    """float32, or for a kernel that refuses it bfloat16."""
    problem = Problem(1, 1, 256, jnp.dtype("float32"), "relu", "full", current_platform())
    return "bfloat16" if KERNELS[kernel].unsupported(problem) else "float32"


@pytest.fixture
def float64():
    """Allow float64 arrays, which JAX otherwise narrows, for one test."""
    with jax.enable_x64(True):
        yield


def hold_equal(got, want, allowed, unit=1.0):
    """Equal up to the rounding of either."""
    for one, other in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
        assert deviation(one, other, unit) <= allowed
