"""Advice on a run: by what was seen, and no more than three sentences."""

from dataclasses import replace

import pytest
from helpers.sample_runs import QUIET, machine, run, timed

from bench.cases.workloads import mission
from bench.judging.advice import advice
from bench.records.facts import GpuConditions, Settings
from bench.records.machine import Gpu

TIMED = timed(mission(50), "scan", 4.0)


def under(seconds=100.0, of_machine=None, settings=Settings(), **conditions):  # noqa: B008
    """A run in such conditions."""
    seen = replace(QUIET, **conditions)
    visits = tuple(replace(visit, conditions=seen) for visit in TIMED.visits)
    cases = replace(TIMED, visits=visits)
    return run(cases, seconds=seconds, settings=settings, machine=machine(**(of_machine or {})))


def test_at_a_limit_nothing_is_said():
    """16 waits of a second in 320, a tenth of the cores, a hundredth of a minute."""
    settings = Settings(memory_pressure=0.01)
    assert advice(under(seconds=160.0, waited_s=1.0, others=0.1, settings=settings)) == []


def test_a_quiet_machine_needs_none():
    settings = Settings(governor="performance", turbo=False, memory_pressure=0.0)
    assert advice(under(settings=settings)) == []
    assert advice(under()) == []
    assert advice(run()) == []


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        ({"others": 0.2}, "Other processes took 20%"),
        ({"waited_s": 2.0}, "16% of the run was spent waiting"),
        ({"settings": Settings(governor="powersave")}, "governor is powersave"),
        ({"settings": Settings(turbo=True)}, "Turbo is on"),
        ({"settings": Settings(memory_pressure=0.3)}, "waited for memory in 30%"),
        ({"of_machine": {"cores": 2, "threads": 4}}, "4 threads share 2 cores"),
    ],
)
def test_each_has_its_sentence(seen, words):
    (sentence,) = advice(under(**seen))
    assert words in sentence


def test_a_gpu_has_advice_of_its_own():
    throttled = GpuConditions("1200 MHz, 2619 MHz", ("power cap",))
    on_gpu = {
        "backend": "gpu",
        "gpu": Gpu("NVIDIA X", 2**36, "580", None),
        "cores": 2,
        "threads": 4,
    }
    (sentence,) = advice(under(of_machine=on_gpu, gpu=throttled, settings=Settings(turbo=True)))
    assert "The GPU held its clocks back (power cap)" in sentence


def test_of_many_the_three_that_harm_most():
    settings = Settings(governor="powersave", turbo=True, memory_pressure=0.3)
    sentences = advice(under(others=0.2, waited_s=2.0, settings=settings))
    assert [sentence.split()[0] for sentence in sentences] == ["Other", "Processes", "16%"]
