"""When a group of cases ends, and with what: driven by hand, with invented samples."""

import numpy as np
import pytest
from helpers.sample_runs import run

from bench.cases.workloads import mission
from bench.contenders import registry
from bench.contenders.combinations import cases
from bench.contenders.subject import Subject
from bench.judging.precision import FEWEST_BLOCKS, MOST_BLOCKS
from bench.measuring import session
from bench.measuring.session import Session
from bench.measuring.turns import turns
from bench.records import store
from bench.records.facts import Conditions
from bench.timing import conditions, free_cores

CASES = cases((mission(1), mission(2)), ("float32",), ("scan", "unrolled"))
RIGHT = np.zeros(3)


def prepared(case):
    """A call that does nothing, and is right if it returns zeros."""
    return Subject(lambda: RIGHT, lambda outputs: [(outputs, RIGHT, 1.0)])


@pytest.fixture
def a_session(tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "unsupported", lambda case: None)
    monkeypatch.setattr(registry, "emulated", lambda case: None)
    monkeypatch.setattr(registry, "prepare_best", prepared)
    path = tmp_path / "run.json"
    return Session(
        run(complete=False), path, CASES, 0.1, 300.0, lambda case, result: None, lambda step: None
    )


def drive(a_session, seconds, outputs=lambda case, block: RIGHT):
    """Every turn takes `seconds`(case, block), or raises what that is."""
    for case, block in turns(CASES):
        if a_session.prepare(case, block) is None:
            continue
        took = seconds(case, block)
        if isinstance(took, Exception):
            a_session.failed(case, took)
        else:
            a_session.sampled(case, (took, took), outputs(case, block))
        a_session.settle(block)
    return {result.case: result for result in a_session.run.cases}


def noisy(case, block):
    """mission-T2's unrolled takes half as long in every other block."""
    return 1e-3 / (1 + (case == CASES[-1]) * (block % 2))


def test_steady_cases_end_as_soon_as_they_may(a_session):
    found = drive(a_session, lambda case, block: 1e-3)
    assert a_session.finished and set(found) == set(CASES)
    for result in found.values():
        assert result.stopped == "precise" and len(result.samples_s) == FEWEST_BLOCKS
        assert result.interval_s == pytest.approx((1e-3, 1e-3))
        assert result.conditions.load_average >= 0 and result.error_after == 0


def test_one_noisy_case_keeps_its_group_going_and_no_other(a_session):
    found = drive(a_session, noisy)
    group = CASES[-1].group
    for case, result in found.items():
        assert len(result.samples_s) == (MOST_BLOCKS if case.group == group else FEWEST_BLOCKS)
        assert result.stopped == ("budget" if case == CASES[-1] else "precise")
    low, high = found[CASES[-1]].interval_s
    assert low < 0.75e-3 < high


@pytest.mark.parametrize("block", [0, 1, FEWEST_BLOCKS - 1])
@pytest.mark.parametrize("fails", CASES[:2])
def test_a_case_that_raises_holds_up_no_other(a_session, fails, block):
    def seconds(case, now):
        return ValueError("oops") if (case, now) == (fails, block) else 1e-3

    found = drive(a_session, seconds)
    assert a_session.finished
    assert (found[fails].status, found[fails].reason) == ("failed", "ValueError: oops")
    assert all(found[case].status == "ok" for case in CASES if case != fails)


def test_outputs_that_went_wrong_meanwhile_have_no_time(a_session):
    def outputs(case, block):
        return RIGHT + (case == CASES[1] and block == FEWEST_BLOCKS - 1)

    found = drive(a_session, lambda case, block: 1e-3, outputs)
    wrong = found[CASES[1]]
    assert (wrong.status, wrong.samples_s, wrong.interval_s) == ("wrong", (), None)
    assert found[CASES[0]].status == "ok"


def test_outputs_that_cannot_be_checked_are_a_failure(a_session):
    found = drive(a_session, lambda case, block: 1e-3, lambda case, block: "no array")
    assert {result.status for result in found.values()} == {"failed"}


def test_what_a_case_waited_for_whole_cores_is_kept(a_session, monkeypatch):
    monkeypatch.setattr(a_session, "_wait", lambda: 0.25)
    for result in drive(a_session, lambda case, block: 1e-3).values():
        assert result.conditions.waited_s == 0.25 * len(result.samples_s)


def test_others_are_counted_from_the_groups_first_turn(a_session, monkeypatch):
    begun = []

    def since(start, call, on_gpu):
        begun.append(start)
        return Conditions(others=0.0, load_average=0.0, cpu_mhz=None, gpu=None)

    monkeypatch.setattr(conditions, "since", since)
    drive(a_session, lambda case, block: 1e-3)
    groups = list(dict.fromkeys(case.group for case in CASES))
    assert len(begun) == len(set(begun)) == len(groups)


def test_ceilings_are_measured_in_the_dtypes_of_cases_that_run_here(a_session, monkeypatch):
    measured = []
    monkeypatch.setattr(session, "measure", lambda dtypes: measured.append(dtypes) or ())
    monkeypatch.setattr(free_cores, "waiting", lambda: lambda: 0.0)
    no_tf32 = {"tf32": "needs a GPU"}
    monkeypatch.setattr(registry, "unsupported", lambda case: no_tf32.get(case.dtype))
    a_session.cases = cases((mission(1),), ("tf32", "float32"), ("scan",))
    next(a_session.pytest_runtestloop())
    assert measured == [["float32"]]


def test_a_file_that_cannot_be_written_ends_the_run(a_session, monkeypatch):
    def full(run, path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store, "save", full)
    with pytest.raises(pytest.exit.Exception):
        drive(a_session, lambda case, block: 1e-3)
    assert a_session.write_error == f"{a_session.path}: No space left on device"
    assert a_session.run.cases  # what was measured is still there to be shown
