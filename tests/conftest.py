"""Shared by all tests. Hypothesis draws the same examples every time."""

import atexit
import os
import shutil
import signal
import tempfile

# The GPU interpreter blocks a thread of XLA's for each warpgroup. XLA has as many as there are
# cores, and waits for ever if that is too few; it reads it once, for the first array.
os.environ.setdefault("NPROC", "64")
# Tests, and the processes that they start, compile many programs that are the same.
if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
    programs = tempfile.mkdtemp(prefix="test-programs-")
    atexit.register(shutil.rmtree, programs)
    os.environ |= {
        "JAX_COMPILATION_CACHE_DIR": programs,
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }

import jax
import pytest
from helpers.oracle_checks import full_precision
from hypothesis import settings

import kernels
from bench.timing import host
from kernels.registry import KERNELS

for variable in host.malloc():  # a run with one is filed under another name than tests expect
    del os.environ[variable]
jax.config.update("jax_num_cpu_devices", 4)  # for programs over several devices
# Most of the suite's time is compiling, and a third of that LLVM's optimizations. XLA's own, which
# decide what is fused, unrolled or sent between devices, stay as users have them, and the processes
# that tests start optimize as always.
jax.config.update("jax_disable_most_optimizations", True)

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


@pytest.fixture
def float64():
    """Allow float64 arrays, which JAX otherwise narrows, for one test."""
    with jax.enable_x64(True):
        yield
