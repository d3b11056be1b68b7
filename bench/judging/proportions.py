"""How well a share is known from so many trials."""

from scipy.stats import binomtest

CONFIDENCE = 0.95


def bounds(count: int, total: int) -> tuple[float, float]:
    """The exact interval of a share (Clopper & Pearson, 1934), if all trials are independent."""
    low, high = binomtest(count, total).proportion_ci(CONFIDENCE, method="exact")
    return float(low), float(high)
