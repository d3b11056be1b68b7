"""Shared by all tests. Hypothesis draws the same examples every time."""

import os

# The GPU interpreter blocks a thread of XLA's for each warpgroup. XLA has as many as there are
# cores, and waits for ever if that is too few; it asks once, when the first array is made.
os.environ.setdefault("NPROC", "64")

import jax
import pytest
from hypothesis import settings

settings.register_profile("suite", deadline=None, derandomize=True, max_examples=5)
settings.load_profile("suite")


@pytest.fixture
def float64():
    """Allow float64 arrays, which JAX otherwise narrows, for one test."""
    with jax.enable_x64(True):
        yield
