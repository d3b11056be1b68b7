"""Numbers as people read them."""

import pytest

from bench.report.units import digits, integer, mebibytes, percent, plus_minus, seconds

NAN = float("nan")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (seconds(1.234e-3), "1.23 ms"),
        (seconds(45.67), "45.7 s"),
        (seconds(0.9e-6), "900 ns"),
        (digits(99.97), "100"),
        (digits(12345.6), "12,346"),
        (digits(1.0), "1.00"),
        (digits(1.5e-7), "1.5e-07"),
        (digits(0.0), "0.00"),
        (mebibytes(3 * 2**20), "3.00"),
        (integer(1234.0), "1,234"),
        (percent(0.1234), "12.3 %"),
        (plus_minus(0.01234), "±1.2 %"),
        *((write(NAN), "") for write in (seconds, digits, mebibytes, integer, percent, plus_minus)),
    ],
)
def test_three_digits(written, expected):
    assert written == expected
