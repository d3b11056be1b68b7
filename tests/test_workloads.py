"""Named shapes and the text of a shape."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.workloads import SUITES, Workload, parse


@given(st.permutations("TBIHO"), st.lists(st.integers(1, 10**6), min_size=5, max_size=5))
def test_sizes_in_any_order(axes, sizes):
    shape = parse(",".join(f"{axis}={size}" for axis, size in zip(axes, sizes, strict=True)))
    assert [getattr(shape, axis) for axis in axes] == sizes


@pytest.mark.parametrize(
    "text",
    [
        *("", "T", "T=1", "T=1,B=2,I=3,H=4,O=5,O=6", "T=1,B=2,I=3,H=4,X=5", "T=1,B=-2,I=3,H=4,O=5"),
        "T=٣,B=2,I=3,H=4,O=5",
    ],
)
def test_not_a_shape(text):
    with pytest.raises(ValueError, match="expected five sizes such as T="):
        parse(text)


def test_only_the_output_layer_may_be_absent():
    assert parse("T=1,B=2,I=3,H=4,O=0").O == 0
    with pytest.raises(ValueError, match="expected H to be at least 1"):
        parse("T=1,B=2,I=3,H=0,O=5")


def test_suites_hold_what_they_promise():
    mission = {(w.T, w.B, w.I, w.H, w.O) for w in SUITES["default"]}
    assert {(T, 50, 128, 256, 128) for T in (1, 50, 100, 500)} < mission
    training = {(w.H, w.B) for w in SUITES["deepbench"] if w.T == 50}
    assert training == {(H, B) for H in (1760, 2048, 2560) for B in (16, 32, 64, 128)}
    device = {(w.H, w.B, w.T) for w in SUITES["deepbench"]} - {(H, B, 50) for H, B in training}
    assert device == {(32, 1, 672), (64, 1, 96)}
    assert set(SUITES["deepbench-short"]) < set(SUITES["deepbench"])
    assert {(w.T, w.B) for w in SUITES["flashrnn"]} == {(1024, 16)}
    assert max(w.H for w in SUITES["flashrnn"]) == 768
    for suite in SUITES.values():
        assert len({w.name for w in suite}) == len(suite)
        assert all(isinstance(w, Workload) for w in suite)
