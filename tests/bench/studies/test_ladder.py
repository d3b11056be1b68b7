"""The ladder's shares, of a made-up climb."""

from pathlib import Path

import pytest
from helpers.sample_runs import run

from bench.cases.cost import cost
from bench.cases.workloads import mission
from bench.records.run import Origin
from bench.studies.ladder.climb import Climb, Ladder, Measured, Rung
from bench.studies.ladder.section import IDEAS, section


def test_a_share_is_of_the_best_round_of_all_shapes():
    rung = Rung(name=next(iter(IDEAS)), samples_s=(0.5, 1.0, 9.0), deviation=0.0)
    flops = cost(mission(1), "relu", "model", "forward", 4).flops
    climbs = [
        Climb(mission(1), 1, Measured(peak_flops=peaks, rungs=(rung,)))
        for peaks in ((2.0 * flops, 1.0 * flops), (1.0 * flops, 4.0 * flops))
    ]
    origin = {name: getattr(run(), name) for name in Origin.__dataclass_fields__}
    ladder = Ladder(**origin, target="x86-64", climbs=tuple(climbs))
    rows = section(ladder, Path("x.json")).table.rows
    assert list(rows.share) == [pytest.approx(0.25)] * 2
