"""No label of a figure is clipped, or lies on another."""

from itertools import combinations, pairwise
from math import log10

import numpy as np
import pytest
from helpers.sample_runs import run, timed
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from bench.cases.workloads import Workload
from bench.records.facts import Ceiling
from bench.report.figures import axes, roofline, speed
from bench.report.tables import frame

STEPS = (1, 7, 50, 100, 500, 672)


def rows(slowest):
    """Workloads with long names in both scopes, by a kernel that takes up to so many times scan."""
    paces = np.geomspace(0.9, slowest, len(STEPS))
    shapes = [Workload(f"deepbench-device-T{T}-H2560", T, 16, 128, 256, 128) for T in STEPS]
    return frame(
        run(
            *(timed(w, "scan", w.T, scope) for w in shapes for scope in ("model", "recurrence")),
            *(timed(w, "native", w.T * by) for w, by in zip(shapes, paces, strict=True)),
            *(timed(w, "unrolled", w.T / 1.2, "recurrence") for w in shapes),
        )
    )


CEILINGS = (
    Ceiling("arithmetic", "matrix product", (3e11, 3e11), dtype="float32"),
    Ceiling("bandwidth", "reading", (1e11, 1e11), footprint=2**16),
    Ceiling("bandwidth", "reading", (2e10, 2e10), footprint=2**28),
)


def figures(slowest):
    found = rows(slowest)
    yield speed._speedups(found)
    yield speed._sweep(found, "T")
    yield roofline._figure(found, CEILINGS)


@pytest.mark.parametrize("slowest", [1.1, 3, 60, 1000])
def test_labels_are_whole_and_apart(slowest):
    for figure in figures(slowest):
        FigureCanvasAgg(figure).draw()
        for text in figure.findobj(lambda each: isinstance(each, Text) and each.get_text()):
            if text.get_visible():
                box = text.get_window_extent()
                assert figure.bbox.x0 - 1 <= box.x0 and box.x1 <= figure.bbox.x1 + 1, text
        for axis in figure.findobj(Axis):
            labels = [each for each in axis.get_ticklabels(which="both") if each.get_text()]
            boxes = [each.get_window_extent() for each in labels]
            assert not any(one.overlaps(other) for one, other in combinations(boxes, 2)), labels


@given(st.floats(-6, 6), st.floats(0.1, 12))
def test_ticks_are_inside_in_order_and_apart(start, decades):
    low, high = 10**start, 10 ** (start + decades)
    found = axes.ticks(low, high)
    assert found and low <= found[0] and found[-1] <= high
    assert all(log10(b / a) >= axes.APART * decades for a, b in pairwise(found))


def test_ticks_ascend_within_a_decade_from_1():
    for factors in axes.LADDER:
        assert factors[0] == 1 and factors[-1] < 10
        assert all(a < b for a, b in pairwise(factors))


def test_there_are_as_many_ticks_as_fit():
    assert axes.ticks(0.9, 600.0) == [1, 2, 5, 10, 20, 50, 100, 200, 500]
    assert axes.ticks(0.6, 2.2) == pytest.approx([0.7, 1, 1.5, 2])
    assert axes.ticks(0.1, 10_000.0) == [0.1, 1, 10, 100, 1000, 10_000]
