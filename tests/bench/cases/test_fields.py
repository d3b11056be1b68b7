"""The limits of what a result file may hold: the last value inside, and the first beyond."""

import pytest
from pydantic import TypeAdapter, ValidationError

from bench.cases import fields
from bench.records.facts import Ceiling, Rate


@pytest.mark.parametrize(
    ("kind", "inside", "beyond"),
    [
        (fields.Count, [0, 2**53], [-1, 2**53 + 1]),
        (fields.Size, [0, 10**9], [-1, 10**9 + 1]),
        (fields.Quantity, [0.0, 1e30], [-1e-9, 1.01e30, float("inf"), float("nan")]),
        (fields.Seconds, [1e-12, 1e9], [0.0, 1e9 + 0.5, float("inf"), float("nan")]),
        (Rate, [1e-12, 1e30], [0.0, 1.01e30, float("inf"), float("nan")]),
        (fields.Name, ["", "n" * 200, "T=1_a-b+c.d"], ["n" * 201, "a/b", "a b", "\n"]),
        (fields.Text, ["t" * 100_000], ["t" * 100_001]),
        (fields.FileName, ["n" * 200, "T1-B_2=3"], ["", "n" * 201, "a.b", "a/b"]),
    ],
)
def test_a_value_is_taken_up_to_its_limit(kind, inside, beyond):
    adapter = TypeAdapter(kind)
    assert [adapter.validate_python(value) for value in inside] == inside
    for value in beyond:
        with pytest.raises(ValidationError):
            adapter.validate_python(value)


def test_a_ceiling_was_measured_once_at_least():
    adapter, given = TypeAdapter(Ceiling), {"kind": "serial", "how": "a step"}
    assert adapter.validate_python(given | {"rounds": [2.0]}) == Ceiling("serial", "a step", (2.0,))
    assert Ceiling("serial", "a step", (2.0,)).footprint == 0
    with pytest.raises(ValidationError, match="at least 1 item"):
        adapter.validate_python(given | {"rounds": []})
