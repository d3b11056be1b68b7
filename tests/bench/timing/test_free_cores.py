"""A turn waits until the cores are as fast as they have been seen to be, but not for ever."""

import pytest

from bench.timing import free_cores
from bench.timing.free_cores import FIRST, PATIENCE_S, Cores

WHOLE, SHARED = 1e-3, 2e-3


@pytest.fixture
def waits():
    """The wait before a turn whose bursts take so long, after the first ones were whole."""

    def waiting(*seconds):
        bursts = iter([WHOLE] * FIRST + list(seconds))
        return Cores(lambda: next(bursts)).wait

    return waiting


def test_whole_cores_are_one_burst_away(waits):
    assert waits(1.1 * WHOLE)() == 1.1 * WHOLE


def test_shared_cores_are_waited_for(waits):
    assert waits(SHARED, SHARED, WHOLE, WHOLE)() == pytest.approx(2 * SHARED + WHOLE)


def test_patience_ends(waits):
    wait = waits(*[SHARED] * 1000)
    assert wait() == pytest.approx(PATIENCE_S, abs=2 * SHARED)
    assert wait() == SHARED  # cores that stay slow are not waited for again


def test_faster_cores_than_any_before_are_what_is_waited_for_next(waits):
    wait = waits(WHOLE / 2, WHOLE, WHOLE / 2)
    assert wait() == WHOLE / 2
    assert wait() == pytest.approx(1.5 * WHOLE)


def test_on_a_cpu_a_burst_ends(monkeypatch):
    monkeypatch.setattr(free_cores, "current_platform", lambda: "cpu")
    assert 0 < free_cores.waiting()() < 60


def test_on_a_gpu_there_is_nothing_to_wait_for(monkeypatch):
    monkeypatch.setattr(free_cores, "current_platform", lambda: "gpu")
    assert free_cores.waiting()() == 0.0
