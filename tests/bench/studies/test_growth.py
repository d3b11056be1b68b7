"""Simulated fleets: everything comes, and the driver's memory grows with the problems alone."""

from helpers import sample_runs

from bench.studies.dealing import growth, section
from bench.studies.dealing.growth import Growth


def test_ten_thousand_problems_come_once_from_five_hundred_nodes():
    fleet = growth.dealt(500, 10_000, losing=0.02)
    assert fleet.measured + fleet.failed == 10_000
    assert fleet.failed == fleet.twice == 0
    assert fleet.lost_tasks > 40 and fleet.nodes_left < 500
    small = growth.dealt(50, 1_000, losing=0.02)
    assert fleet.peak_bytes < 15 * small.peak_bytes


def test_nodes_are_busy_where_none_is_lost():
    fleet = growth.dealt(20, 400, losing=0.0)
    assert (fleet.measured, fleet.lost_tasks, fleet.nodes_left) == (400, 0, 20)
    assert 0.8 < fleet.busy <= 1


def test_a_report_shows_every_fleet(tmp_path):
    origin = vars(sample_runs.TYPICAL)
    fields = {name: origin[name] for name in Growth.__dataclass_fields__ if name in origin}
    fleets = tuple(growth.dealt(nodes, 4 * nodes, 0.5) for nodes in (2, 5))
    shown = section.section(Growth(**fields, losing=0.5, fleets=fleets), tmp_path / "x.json")
    assert list(shown.table.cells.nodes) == ["2", "5"]
    assert "50.0 %" in shown.prose[0] and shown.drawings[0].svg.startswith("<?xml")
