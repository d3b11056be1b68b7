"""A later run takes the variants of an earlier one."""

from dataclasses import replace

import pytest
from helpers.sample_runs import machine, run, timed, untimed

from bench.cases.workloads import mission
from bench.records import choices, store
from bench.records.facts import Settings

SCAN = replace(timed(mission(50), "scan", 4.0), variant="unhoisted, unroll 4")
NATIVE = timed(mission(50), "native", 1.0)
CASES = (SCAN.case, NATIVE.case)
EARLIER = replace(run(SCAN, NATIVE), started="2026-01-02T03:04:05+00:00")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("publish", [True, False])
def test_an_earlier_run_chose_for_the_baseline(publish):
    store.create(EARLIER, publish=publish)
    assert choices.chosen(run(), CASES) == {SCAN.case: SCAN.variant}


def test_of_several_the_newest_that_timed_it():
    later = replace(EARLIER, started="2026-01-03T03:04:05+00:00", suite="other")
    newest = replace(later, started="2026-01-04T03:04:05+00:00")
    store.create(EARLIER, publish=True)
    store.create(replace(later, cases=(replace(SCAN, variant="hoisted, unroll 1"),)), publish=False)
    failed = untimed(mission(50), "scan", "failed", "oops")
    store.create(replace(newest, cases=(failed,)), publish=True)
    assert choices.chosen(run(), CASES) == {SCAN.case: "hoisted, unroll 1"}


@pytest.mark.parametrize(
    "other",
    [
        run(machine=machine(cores=1)),
        run(machine=machine(xla_flags="--xla_cpu_enable_fast_math")),
        replace(run(), versions={"jax": "9.9"}),
        replace(run(), versions={"jaxlib": "9.9"}),
        replace(run(), settings=Settings(async_dispatch=False)),
        replace(run(), settings=Settings(malloc={"MALLOC_ARENA_MAX": "1"})),
    ],
)
def test_another_machine_compiler_or_process_chooses_anew(other):
    store.create(EARLIER, publish=True)
    assert choices.chosen(other, CASES) == {}


def test_without_results_or_with_files_that_cannot_be_read_nothing_is_known():
    assert choices.chosen(run(), CASES) == {}
    path = store.create(EARLIER, publish=True)
    path.write_text("{}")
    assert choices.chosen(run(), CASES) == {}
