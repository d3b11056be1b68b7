"""What a step is made of: what is measured, and what the report makes of it."""

import dataclasses
from pathlib import Path

import pytest
from helpers.sample_runs import TYPICAL

import kernels
from bench.cases.cost import cost
from bench.cases.workloads import Workload
from bench.records.run import Origin
from bench.studies.native_program import Timed
from bench.studies.parts import measuring
from bench.studies.parts.measuring import CellParts, Measured, Parts
from bench.studies.parts.section import section

ORIGIN = {field.name: getattr(TYPICAL, field.name) for field in dataclasses.fields(Origin)}
TINY = Workload("tiny", T=3, B=4, I=5, H=40, O=6)
SECONDS = {
    "forward, products alone": 1.5,
    "forward, sums for functions": 2.0,
    "forward": 3.0,
    "forward, keeping states": 3.3,
    "backward, products alone": 7.5,
    "backward, sums for functions": 8.0,
    "backward": 10.0,
}


def test_what_functions_and_kept_states_add():
    parts = tuple(Timed(name, (taken / 2, taken, taken * 2)) for name, taken in SECONDS.items())
    flops = cost(TINY, "gru", "model", "forward", 4).flops
    gru = CellParts("gru", Measured(peak_flops=(flops / 3, flops / 1.5), parts=parts))
    disturbed = CellParts("relu", Measured(peak_flops=(flops / 4,), parts=parts))
    record = Parts(**ORIGIN, target="x86-64", threads=1, workload=TINY, cells=(disturbed, gru))
    _, forward, _, backward = section(record, Path("x.json")).table.rows.to_dict("records")
    assert (forward["functions"], forward["share"]) == (0.5, pytest.approx(0.5))
    assert forward["keeping"] == pytest.approx(0.1)
    assert (forward["products"], backward["products"]) == (0.5, 0.75)
    assert (backward["pass"], backward["functions"]) == ("backward", 0.25)


def test_a_part_that_an_older_file_does_not_have():
    parts = (Timed("forward", (1.0,)), Timed("backward", (2.0,)))
    old = CellParts("gru", Measured(peak_flops=(1e9,), parts=parts))
    record = Parts(**ORIGIN, target="x86-64", threads=1, workload=TINY, cells=(old,))
    cells = section(record, Path("x.json")).table.cells
    assert list(cells["its products"]) == list(cells["its functions"]) == ["", ""]


@pytest.mark.skipif(kernels.available()["native"] is not None, reason="needs a C++ compiler")
def test_every_part_is_timed(monkeypatch):
    monkeypatch.setattr(measuring, "WORKLOAD", TINY)
    monkeypatch.setattr(measuring.native_program, "ROUNDS", 1)
    monkeypatch.setattr(measuring, "CELLS", ("gru",))
    (gru,) = measuring.measure(threads=2)
    assert [part.name for part in gru.measured.parts] == list(SECONDS)
    assert all(len(part.samples_s) >= 3 for part in gru.measured.parts)
