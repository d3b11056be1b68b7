"""Shared by all tests. Hypothesis draws the same examples every time."""

import jax
import pytest
from hypothesis import settings

settings.register_profile("suite", deadline=None, derandomize=True, max_examples=8)
settings.load_profile("suite")


@pytest.fixture
def float64():
    """Allow float64 arrays, which JAX otherwise narrows, for one test."""
    with jax.enable_x64(True):
        yield
