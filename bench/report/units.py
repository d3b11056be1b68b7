"""Numbers as people read them: three digits and a unit."""

from math import expm1, isfinite, isnan

PREFIXES = ((1.0, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n"))


def seconds(value: float) -> str:
    """1.23e-3 -> "1.23 ms"; "" for NaN, an absent value."""
    if isnan(value):
        return ""
    scale, prefix = next((p for p in PREFIXES if abs(value) >= p[0]), PREFIXES[-1])
    return f"{digits(value / scale)} {prefix}s"


def digits(value: float) -> str:
    """Three significant digits, never in exponent form above 0.001; "" for NaN."""
    if isnan(value):
        return ""
    if value and abs(value) < 1e-3:
        return f"{value:.1e}"
    return f"{value:,.0f}" if abs(value) >= 99.95 else f"{value:#.3g}"


def change(log_ratio: float) -> str:
    """0.0488 -> "+5.0 %"; "?" where it is not bounded."""
    return f"{100 * expm1(log_ratio):+.1f} %" if isfinite(log_ratio) else "?"


def changes(low: float, high: float) -> str:
    """Both ends of a log ratio's interval."""
    return f"{change(low)} to {change(high)}"


def mebibytes(value: int | float) -> str:
    """Bytes as MiB; "" for NaN."""
    return "" if isnan(value) else f"{digits(value / 2**20)}"


def integer(value: int | float) -> str:
    """A count; "" for NaN."""
    return "" if isnan(value) else f"{int(value):,}"


def percent(value: float) -> str:
    """0.123 -> "12.3 %"; "" for NaN."""
    return "" if isnan(value) else f"{digits(100 * value)} %"


def plus_minus(value: float) -> str:
    """0.0123 -> "±1.2 %"; "" for NaN, "?" where it is not bounded."""
    if isnan(value):
        return ""
    return f"±{100 * value:.2g} %" if isfinite(value) else "?"
