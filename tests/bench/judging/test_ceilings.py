"""Ceilings: that their programs do what they are paid for, and which one is nearest."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest
from helpers.sample_runs import run, timed, visit

from bench.cases.case import Case
from bench.cases.cost import compulsory_bytes, cost
from bench.cases.workloads import Workload, mission
from bench.judging.ceilings import merged, nearest
from bench.records.facts import Ceiling
from bench.report.figures import roofline
from bench.report.parts import ceilings as section
from bench.report.tables import frame
from bench.timing import ceilings, probes

CASE = Case(mission(100), "model", "forward", "float32", "relu", "scan")
FLOPS = cost(CASE.workload, "relu", "model", "forward", 4).flops
BYTES = compulsory_bytes(CASE.workload, "relu", "model", "forward", 4)
# CASE takes a millisecond at each.
ARITHMETIC = Ceiling("arithmetic", "a product", (FLOPS * 1e3,), "float32")
BANDWIDTH = Ceiling("bandwidth", "a copy", (BYTES * 1e3,), footprint=2**16)
SERIAL = Ceiling("serial", "a step", (100 * 1e3,))
ALL = (ARITHMETIC, BANDWIDTH, SERIAL)


def slower(ceiling):
    """The same, asking for twice the time."""
    return dataclasses.replace(ceiling, rounds=(ceiling.best / 2,))


@pytest.mark.parametrize("lowest", ALL)
def test_the_nearest_asks_for_the_most_time(lowest):
    found = nearest(tuple(slower(each) if each is lowest else each for each in ALL), CASE)
    assert (found.name, found.seconds) == (lowest.kind, pytest.approx(2e-3))


def test_the_best_program_of_a_kind_counts():
    poor = dataclasses.replace(slower(ARITHMETIC), how="a poor product")
    fma = Ceiling("arithmetic", "multiply-adds", (FLOPS * 4e3,))
    assert nearest((ARITHMETIC, poor), CASE).seconds == pytest.approx(1e-3)
    assert nearest((ARITHMETIC, poor, fma), CASE).seconds == pytest.approx(0.25e-3)


def test_another_dtypes_product_is_no_ceiling():
    half = dataclasses.replace(ARITHMETIC, dtype="bfloat16")
    assert nearest((half,), CASE) is None
    assert nearest((), CASE) is None


@pytest.mark.parametrize(
    ("footprint", "rate"),
    [(2**10, 90.0), (2**16, 90.0), (2**18, 80.0), (2**19, 80.0), (2**20, 80.0), (2**30, 9.0)],
)
def test_what_fits_a_cache_is_held_against_its_bandwidth(footprint, rate):
    rates = {2**16: 70.0, 2**17: 90.0, 2**18: 80.0, 2**20: 80.0, 2**24: 9.0}
    ceilings = tuple(Ceiling("bandwidth", "", (value,), footprint=n) for n, value in rates.items())
    columns = (footprint - 8) // 8
    case = dataclasses.replace(
        CASE, scope="recurrence", workload=Workload("flat", T=columns, B=1, I=1, H=1, O=0)
    )
    moved = compulsory_bytes(case.workload, "relu", "recurrence", "forward", 4)
    assert moved == footprint
    assert nearest(ceilings, case).seconds == pytest.approx(moved / rate)


def test_two_measurements_are_one():
    first, second = (
        tuple(dataclasses.replace(each, rounds=rounds) for each in ALL)
        for rounds in ((90.0, 100.0), (98.0, 110.0))
    )
    both = merged(first, second)
    assert [each.best for each in both] == [110.0] * 3
    assert both[0].rounds == (90.0, 100.0, 98.0, 110.0)
    assert both[0].spread == pytest.approx(110 / 99 - 1)


def judged(millis, **replaced):
    case = dataclasses.replace(timed(mission(100), "scan", millis), **replaced)
    certain = tuple(dataclasses.replace(each, rounds=each.rounds * 2) for each in ALL)
    (row,) = frame(run(case, ceilings=certain)).itertuples()
    return row


def test_half_the_ceiling_is_fifty_percent():
    row = judged(2.0)
    assert row.share == pytest.approx(0.5) and not row.impossible
    assert row.check == "ok"


def test_faster_than_the_ceiling_is_impossible():
    row = judged(0.5)
    assert row.share == pytest.approx(2.0) and row.impossible
    assert row.check == "IMPOSSIBLE" and "200 % of what the" in row.doubt


def test_what_the_slowest_visit_explains_is_not_impossible():
    row = judged(0.98, visits=tuple(visit((level,)) for level in (0.9e-3, 0.98e-3, 1.05e-3)))
    assert row.share > 1 and not row.impossible


def test_what_the_ceilings_spread_explains_is_not_impossible():
    case = timed(mission(100), "scan", 0.95)
    unsure = dataclasses.replace(ARITHMETIC, rounds=(FLOPS * 1e3, FLOPS * 0.8e3))
    (row,) = frame(run(case, ceilings=(unsure,))).itertuples()
    assert row.share > 1 and not row.impossible


@pytest.fixture
def quick(monkeypatch):
    """The same programs, smaller."""
    monkeypatch.setattr(probes, "DOT_SIZES", (16, 32))
    monkeypatch.setattr(probes, "ELEMENTS", {"cpu": 256, "gpu": 256})
    monkeypatch.setattr(probes, "FOOTPRINTS", (2**10, 2**12))
    monkeypatch.setattr(probes, "TRAFFIC", 2**14)
    monkeypatch.setattr(ceilings, "ROUND_S", 0.0)


def test_everything_is_measured_in_every_round(quick):
    found = ceilings.measure(["bfloat16", "float32"])
    kinds = [(each.kind, each.dtype) for each in found]
    assert kinds.count(("arithmetic", "bfloat16")) == kinds.count(("arithmetic", "float32")) == 2
    assert kinds.count(("arithmetic", "")) == 1
    assert kinds.count(("bandwidth", "")) == kinds.count(("serial", "")) == 2
    assert all(len(each.rounds) == ceilings.ROUNDS and min(each.rounds) > 0 for each in found)
    again = ceilings.measure(["bfloat16", "float32"])
    assert all(len(each.rounds) == 2 * ceilings.ROUNDS for each in merged(found, again))


def test_multiply_adds_are_as_many_as_claimed():
    x = jnp.ones(1024)
    counted = probes._chains.lower(x, 0.99, 0.1).compile().cost_analysis()["flops"]
    assert counted == pytest.approx(2 * probes.CHAINS * probes.LINKS * x.size, rel=0.05)


@pytest.mark.parametrize("passes", [4, 7])
def test_every_pass_goes_over_the_array(passes):
    went = probes._passes(jnp.arange(8.0), -2.0, passes)
    np.testing.assert_array_equal(went, np.arange(8.0) * (-2.0) ** passes)


def test_steps_are_as_many_as_claimed():
    """A step that adds 1 counts itself."""
    assert probes._in_registers(jnp.float32(0), 1.0, 1.0) == probes.STEPS
    np.testing.assert_array_equal(probes._scanned(jnp.ones(5), 1.0), np.arange(1.0, 6.0))


def test_a_product_that_takes_too_long_is_left_out(monkeypatch, quick):
    monkeypatch.setattr(probes, "_seconds", lambda call: 1.0)
    assert len(list(probes._dots("float32"))) == 1


def test_the_report_shows_every_program_and_a_roofline():
    measured = run(timed(mission(100), "scan", 2.0), ceilings=ALL)
    cells = section.section(measured).table.cells
    assert list(cells.ceiling) == ["arithmetic", "bandwidth", "serial"]
    assert cells.unit.tolist() == ["GFLOP/s", "GB/s", "million steps/s"]
    (drawing,) = roofline.draw(frame(measured), measured.ceilings, "default")
    assert drawing.name == "default-roofline.svg" and "<svg" in drawing.svg
    assert list(roofline.draw(frame(measured), (SERIAL,), "default")) == []
