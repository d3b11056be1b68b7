"""The row `scan`: every way to write it is right, and the one that is shown won."""

import pytest

import kernels.scan
from bench.cases.case import Case
from bench.cases.programs import functions, program
from bench.cases.tolerance import tolerance
from bench.cases.workloads import Workload
from bench.contenders import best_scan
from bench.contenders.best_scan import Variant
from bench.contenders.subject import compiled
from bench.timing import clock, race
from kernels.common.numerics import dot

SHAPE = Workload("awkward", T=17, B=3, I=2, H=7, O=4)


def case_of(scope="model", phase="train", dtype="float32", cell="relu", shape=SHAPE):
    return Case(shape, scope, phase, dtype, cell, "scan")


def test_there_are_six_and_half_as_many_without_a_projection():
    found = set(best_scan.variants(case_of()))
    assert found == {Variant(h, u) for h in (True, False) for u in (1, 4, 16)}
    alone = set(best_scan.variants(case_of("recurrence")))
    assert alone == {variant for variant in found if variant.hoisted}


def test_no_more_steps_to_a_trip_than_there_are():
    short = Workload("short", T=4, B=1, I=2, H=2, O=1)
    assert {v.unroll for v in best_scan.variants(case_of(shape=short))} == {1, 4}


@pytest.mark.parametrize("phase", ["forward", "train"])
@pytest.mark.parametrize(
    ("scope", "dtype", "cell"),
    [
        ("model", "float32", "gru"),
        ("model", "float32", "lstm"),
        ("model", "bfloat16", "relu"),
        ("recurrence", "float32", "relu"),
    ],
)
def test_each_is_right(scope, phase, dtype, cell):
    case = case_of(scope, phase, dtype, cell)
    for variant in best_scan.variants(case):
        if variant.unroll in (1, 4):
            subject = compiled(program(case, functions(case, variant.kernel)))
            assert subject.error(subject.call()) <= tolerance(SHAPE, dtype, cell, phase), variant


@pytest.mark.parametrize("phase", ["forward", "train"])
def test_each_is_right_with_layers_directions_and_lengths(phase):
    shape = Workload("any", 6, 3, 2, 7, 4, layers=2, bidirectional=True, lengths="uniform")
    case = case_of(phase=phase, cell="gru", shape=shape)
    for hoisted in (True, False):
        kernel = Variant(hoisted, unroll=4).kernel
        assert kernel.handles == kernels.scan.HANDLES  # else the loop would not be its own
        subject = compiled(program(case, functions(case, kernel)))
        assert subject.error(subject.call()) <= tolerance(shape, "float32", "gru", phase)


def test_one_without_outputs_is_right():
    """As in DeepBench's list, which has no output layer."""
    shape = Workload("no-outputs", T=5, B=3, I=2, H=7, O=0)
    case = case_of(shape=shape)
    subject = compiled(program(case, functions(case, Variant(hoisted=False, unroll=1).kernel)))
    assert subject.error(subject.call()) <= tolerance(shape, "float32", "relu", "train")


def test_the_winner_is_named_and_it_is_what_is_called(monkeypatch):
    case, calls = case_of(phase="forward"), []
    monkeypatch.setattr(best_scan, "first_of_the_fastest", lambda all: calls.extend(all) or 4)
    subject = best_scan.fastest(case)
    assert len(calls) == 6 and subject.variant == "unhoisted, unroll 4"
    assert subject.error(subject.call()) <= tolerance(SHAPE, "float32", "relu")


@pytest.mark.parametrize(
    ("name", "races"), [("hoisted, unroll 16", 0), ("hoisted, unroll 3", 1), ("", 1)]
)
def test_one_that_an_earlier_run_chose_needs_no_race(name, races, monkeypatch):
    raced = []
    monkeypatch.setattr(best_scan, "first_of_the_fastest", lambda calls: raced.append(calls) or 0)
    subject = best_scan.chosen(case_of(phase="forward"), name)
    assert len(raced) == races
    assert subject.variant == ("hoisted, unroll 1" if races else name)
    assert subject.error(subject.call()) <= tolerance(SHAPE, "float32", "relu")


def test_a_plain_scan_that_is_wrong_is_not_hidden_by_one_that_is_right(monkeypatch):
    monkeypatch.setattr(kernels.scan, "dot", lambda a, b, precision: 2 * dot(a, b, precision))
    monkeypatch.setattr(best_scan, "first_of_the_fastest", lambda calls: 5)  # no part in it
    subject = best_scan.fastest(case_of(phase="forward"))
    assert subject.variant == "hoisted, unroll 1"
    assert subject.error(subject.call()) > tolerance(SHAPE, "float32", "relu")


class Clock:
    """Time that passes only while a call is made."""

    def __init__(self, monkeypatch):
        self.now = 0.0
        for module in (clock, race):
            monkeypatch.setattr(module, "perf_counter", lambda: self.now)

    def call(self, *durations):
        """A call that takes these seconds, one after the other, and the last for ever after."""
        left = list(durations)

        def call():
            self.now += left.pop(0) if len(left) > 1 else left[0]

        return call


@pytest.mark.parametrize("scale", [1e-5, 1.0])
def test_the_fastest_wins_though_its_first_call_is_slow(monkeypatch, scale):
    clock = Clock(monkeypatch)
    calls = [clock.call(2 * scale), clock.call(50 * scale, scale), clock.call(1.1 * scale)]
    assert race.first_of_the_fastest(calls) == 1


def test_of_those_that_are_about_as_fast_the_first_is_taken(monkeypatch):
    clock = Clock(monkeypatch)
    calls = [clock.call(1.06), clock.call(1.04), clock.call(1.0)]
    assert race.first_of_the_fastest(calls) == 1


def test_one_that_is_far_behind_is_not_waited_for(monkeypatch):
    clock = Clock(monkeypatch)
    race.first_of_the_fastest([clock.call(0.01), clock.call(1.0), clock.call(0.01)])
    rounds = race.OPENING * 1.02 + (race.ROUNDS - race.OPENING) * 0.02
    assert clock.now == pytest.approx(rounds)


def test_slow_calls_race_no_longer_than_it_takes_to_know_them(monkeypatch):
    clock = Clock(monkeypatch)
    race.first_of_the_fastest([clock.call(1.0)] * 6)
    assert clock.now == race.OPENING * 6
