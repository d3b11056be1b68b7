"""A turn is filled with rounds of at least five milliseconds."""

import gc

import pytest

from bench.timing import clock


@pytest.mark.parametrize(
    ("call_s", "turn_s", "expected"),
    [
        (1e-3, 0.1, (20, 5)),
        (1e-4, 0.1, (20, 50)),
        (6e-3, 0.1, (16, 1)),
        (0.5, 0.1, (1, 1)),
        (0.0, 0.1, (20, 5_000_000)),
    ],
)
def test_plan(call_s, turn_s, expected):
    assert clock.plan(call_s, turn_s) == expected


def test_the_shortest_of_all_calls_counts(monkeypatch):
    ticks = iter([100.0, 103.0, 104.0, 109.0, 110.0])
    monkeypatch.setattr(clock, "perf_counter", lambda: next(ticks))
    calls = []
    assert clock.shortest(lambda: calls.append(1), 10.0) == 1.0
    assert len(calls) == 4


def test_at_least_one_call():
    calls = []
    assert clock.shortest(lambda: calls.append(1), 0.0) >= 0
    assert len(calls) == 1


def test_garbage_is_never_collected_in_a_turn():
    collecting = []
    clock.sample(lambda: collecting.append(gc.isenabled()), 0.01)
    assert collecting and not any(collecting) and gc.isenabled()


def test_a_turn_warms_up_then_fills_its_time(monkeypatch):
    now, calls = [0.0], []

    def call():
        now[0] += 2.0**-10
        calls.append(None)

    monkeypatch.setattr(clock, "perf_counter", lambda: now[0])
    assert clock.sample(call, 0.1) == (2.0**-10,) * 17
    assert len(calls) == 6 + 17 * 6  # 5 ms, then rounds of 5 ms


@pytest.fixture
def passing(monkeypatch):
    """Time that passes only in a call that takes these seconds, and then the last for ever."""

    def passing(*durations):
        now, left = [0.0], list(durations)
        monkeypatch.setattr(clock, "perf_counter", lambda: now[0])

        def call():
            now[0] += left.pop(0) if len(left) > 1 else left[0]

        return call

    return passing


def test_a_call_is_steady_after_two_rounds_without_a_new_shortest(passing):
    slow = passing(0.4, 0.2, 0.1, 0.05, 0.05)  # the limit is half a second
    assert clock.steady(slow) == 2
    assert clock.steady(passing(0.1, 0.05, 0.04)) == 5
    assert clock.steady(passing(0.1, 0.05, 0.05, 0.05)) == 4


def test_a_fast_call_is_not_steady_before_thirty_milliseconds(passing):
    assert 30 <= clock.steady(passing(2.0**-10)) <= 37


def test_a_call_that_never_is_steady_ends_too(passing):
    assert clock.steady(passing(*[0.1 * 0.9**i for i in range(100)])) < 12
