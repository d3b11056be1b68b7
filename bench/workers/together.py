"""Whether a run takes turns with others; its processes know by a variable."""

import os

TOGETHER = "BENCH_TOGETHER"


def name() -> str:
    """Of the runs that take turns; "" for one alone."""
    return os.environ.get(TOGETHER, "")
