"""Span, busy time and launches of overlapping intervals."""

import jax
import jax.numpy as jnp
import pytest

from bench.records.facts import DeviceTime
from bench.timing.gpu_trace import measure, summary


@pytest.mark.parametrize(
    ("intervals", "span", "busy"),
    [
        ([(0.0, 10.0)], 10.0, 10.0),
        ([(20.0, 30.0), (0.0, 10.0)], 30.0, 20.0),
        ([(0.0, 10.0), (5.0, 15.0)], 15.0, 15.0),
        ([(0.0, 100.0), (10.0, 20.0), (30.0, 40.0)], 100.0, 100.0),
        ([(5.0, 6.0), (6.0, 7.0)], 2, 2),
    ],
)
def test_summary(intervals, span, busy):
    expected = DeviceTime(span / 1e9, busy / 1e9, len(intervals))
    assert summary(intervals) == expected


@pytest.mark.skipif(jax.default_backend() == "gpu", reason="there is a GPU to trace")
def test_a_trace_without_a_gpu_says_nothing():
    assert summary([]) is None
    assert measure(lambda: jnp.ones(3).block_until_ready()) is None
