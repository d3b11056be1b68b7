"""A straight line over T: what it finds, how sure it is, and when there is none."""

import numpy as np
import pytest
from helpers.sample_runs import run, timed

from bench.cases.workloads import mission
from bench.report.figures import scaling
from bench.report.tables import frame


def test_a_line_is_found_exactly():
    steps = np.array([1.0, 10.0, 100.0, 1000.0])
    found = scaling.fit(steps, 50e-6 + 3e-6 * steps)
    assert found["fixed_s"] == pytest.approx(50e-6)
    assert found["step_s"] == pytest.approx(3e-6)
    assert found["misfit"] < 1e-6


def test_intervals_hold_the_truth_as_often_as_they_say():
    rng = np.random.default_rng(0)
    steps = np.array([1.0, 10.0, 100.0, 1000.0])
    held = {"fixed": 0, "step": 0}
    for _ in range(300):
        times = (50e-6 + 3e-6 * steps) * np.exp(rng.normal(0, 0.03, 4))
        found = scaling.fit(steps, times)
        for name, truth in (("fixed", 50e-6), ("step", 3e-6)):
            held[name] += found[f"{name}_low_s"] <= truth <= found[f"{name}_high_s"]
    assert all(0.90 <= count / 300 <= 0.99 for count in held.values())


def test_a_bend_is_seen():
    steps = np.array([1.0, 10.0, 100.0, 1000.0])
    times = 50e-6 + 3e-6 * steps
    times[-1] *= 2  # it left the cache
    assert scaling.fit(steps, times)["misfit"] > 0.1


def test_only_problems_with_three_t_are_fitted():
    three = [timed(mission(T), "scan", 1.0 + T) for T in (1, 10, 100)]
    two = [timed(mission(T), "unrolled", 1.0 + T) for T in (1, 100)]
    other_scope = [timed(mission(1000), "unrolled", 1001.0, scope="recurrence")]
    found = scaling.fits(frame(run(*three, *two, *other_scope)))
    (row,) = found.itertuples()
    assert (row.kernel, row.B, row.scope) == ("scan", 50, "model")
    assert row.fixed_s == pytest.approx(1e-3) and row.step_s == pytest.approx(1e-3)
    (section,) = scaling.sections(run(*three))
    assert section.table.cells["a step"].tolist() == ["1.00 ms"]
    assert scaling.sections(run(*two)) == []


def test_lines_come_in_the_order_of_the_file():
    cases = [
        timed(mission(T), kernel, 1.0 + T) for kernel in ("unrolled", "scan") for T in (1, 10, 100)
    ]
    assert scaling.fits(frame(run(*cases))).kernel.tolist() == ["unrolled", "scan"]


def test_the_interval_is_two_sided():
    """By hand: weighted least squares, with Student's t of two degrees of freedom."""
    steps = np.array([1.0, 10.0, 100.0, 1000.0])
    times = (50e-6 + 3e-6 * steps) * np.array([1.01, 0.98, 1.02, 0.99])
    design = np.stack([1 / times, steps / times], axis=1)
    line, residual, *_ = np.linalg.lstsq(design, np.ones(4))
    variances = np.diag(np.linalg.inv(design.T @ design)) * residual / 2
    half = 4.302653 * np.sqrt(variances)  # 97.5 % point, from a table
    found = scaling.fit(steps, times)
    for i, name in enumerate(("fixed", "step")):
        ends = found[f"{name}_low_s"], found[f"{name}_high_s"]
        assert ends == pytest.approx((line[i] - half[i], line[i] + half[i]), rel=1e-5)
