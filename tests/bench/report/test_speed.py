"""What is drawn is what was measured."""

import numpy as np
import pytest
from helpers.sample_runs import run, timed

from bench.cases.workloads import mission
from bench.report.figures import speed
from bench.report.tables import frame


def test_a_line_runs_inside_its_band():
    """A percent below the time to a percent above it, as the invented visits have it."""
    rows = frame(run(*(timed(mission(T), "scan", T) for T in (1, 10, 100))))
    ax = speed._sweep(rows, "T").axes[0]
    (line,), (band,) = ax.get_lines(), ax.collections
    assert line.get_ydata() == pytest.approx([1000] * 3)  # µs a step
    edges = np.unique(np.round(band.get_paths()[0].vertices[:, 1]))
    assert edges.min() < 1000 < edges.max()
    assert edges.min() >= 980 and edges.max() <= 1020
