"""Named shapes and the text of a shape."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.cases.workloads import parse


@given(st.permutations("TBIHO"), st.lists(st.integers(1, 1000), min_size=5, max_size=5))
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


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("T=10000001,B=1,I=1,H=1,O=1", "expected T to be at most 10,000,000"),
        ("T=99999999999999999999,B=1,I=1,H=1,O=1", "expected T to be at most 10,000,000"),
        ("T=8192,B=8192,I=32,H=1,O=1", "expected T x B x 32 to be at most 2,147,483,647"),
        ("T=1,B=1,I=1,H=46341,O=1", "expected H x 46341 to be at most"),
        ("T=1,B=1,I=1,H=1000,O=9000000", "expected H x 9000000 to be at most"),
    ],
)
def test_a_shape_beyond_all_arrays_is_one_sentence(text, said):
    with pytest.raises(ValueError, match=said) as caught:
        parse(text)
    assert str(caught.value).startswith(f"shape is {text!r}; ")
    assert str(caught.value).count(";") == 1


def test_the_largest_shape_is_one():
    assert parse("T=1,B=1,I=1,H=46340,O=1").H == 46340
    assert parse("T=10000000,B=1,I=1,H=1,O=0").T == 10**7
