"""When a group of cases ends, and with what: driven by hand, with invented samples."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.sample_runs import run

from bench.cases.suites import Suite
from bench.cases.workloads import mission
from bench.contenders import registry
from bench.contenders.combinations import cases
from bench.contenders.subject import Subject
from bench.judging.precision import BLOCKS
from bench.measuring import session
from bench.measuring.effort import Effort
from bench.measuring.session import Session
from bench.measuring.turns import turns
from bench.records import store
from bench.records.facts import Conditions
from bench.records.run import FEWEST_VISITS
from bench.timing import conditions, free_cores

CASES = cases(Suite((mission(1), mission(2))).problems("cpu", None, None), ("scan", "unrolled"))
RIGHT = np.zeros(3)


def prepared(case, variant=""):
    """A call that does nothing, and is right if it returns zeros."""
    return Subject(lambda: RIGHT, lambda outputs: [(outputs, RIGHT, 1.0)])


@pytest.fixture
def a_session(tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "unsupported", lambda case: None)
    monkeypatch.setattr(registry, "emulated", lambda case: None)
    monkeypatch.setattr(registry, "prepare_best", prepared)
    return begun(run(complete=False, visits_s=()), tmp_path / "run.json")


def begun(a_run, path):
    return Session(a_run, path, CASES, 300.0, lambda case, result: None, lambda step: None, {})


def drive(a_session, seconds, outputs=lambda case, block: RIGHT):
    """Every turn takes `seconds`(case, block), or raises what that is."""
    for case, block in turns(a_session.left, a_session._efforts):
        if a_session.prepare(case, block) is None:
            continue
        took = seconds(case, block)
        if isinstance(took, Exception):
            a_session.failed(case, took)
        else:
            a_session.sampled(case, (took, took), outputs(case, block))
        a_session.settle(block)
    return {result.case: result for result in a_session.run.cases}


def test_every_case_has_as_many_turns_and_its_group_is_saved_at_once(a_session, monkeypatch):
    saved = []
    monkeypatch.setattr(store, "save", lambda run, path: saved.append(len(run.cases)))
    found = drive(a_session, lambda case, block: 1e-3)
    assert set(found) == set(CASES) and not a_session.left
    assert saved == [2, 4, 6, 8]
    for result in found.values():
        (visit,) = result.visits
        assert visit.samples_s == ((1e-3, 1e-3),) * BLOCKS
        assert visit.warm_calls >= 2 and visit.conditions.load_average >= 0
        assert result.error_after == 0


def test_a_further_visit_adds_to_what_there_is(a_session):
    drive(a_session, lambda case, block: 1e-3)
    second = begun(replace(a_session.run, visits_s=(1.0,)), a_session.path)
    found = drive(second, lambda case, block: 2e-3)
    for result in found.values():
        assert [visit.samples_s[0][0] for visit in result.visits] == [1e-3, 2e-3]
    assert not second.left and [result.case for result in second.run.cases] == list(CASES)


def test_a_variant_that_is_known_is_taken_in_every_visit(a_session, monkeypatch):
    """In the first from an earlier run, then from this one's result."""
    chosen = []

    def prepare_best(case, variant=""):
        chosen.append(variant)
        return replace(prepared(case), variant=variant)

    monkeypatch.setattr(registry, "prepare_best", prepare_best)
    a_session._variants = {case: "hoisted" for case in CASES}
    drive(a_session, lambda case, block: 1e-3)
    second = begun(replace(a_session.run, visits_s=(1.0,)), a_session.path)
    drive(second, lambda case, block: 1e-3)
    assert chosen == ["hoisted"] * 2 * len(CASES)


def test_a_case_that_fails_in_a_further_visit_has_no_time(a_session):
    drive(a_session, lambda case, block: 1e-3)
    second = begun(replace(a_session.run, visits_s=(1.0,)), a_session.path)
    found = drive(second, lambda case, block: ValueError("oops") if case == CASES[0] else 1e-3)
    assert (found[CASES[0]].status, found[CASES[0]].visits) == ("failed", ())
    assert {len(found[case].visits) for case in CASES[1:]} == {2}


def test_a_group_of_slow_calls_has_two_turns_each(a_session, monkeypatch):
    a_session._efforts.update({case.group: Effort(seconds=-1.0) for case in CASES})
    for result in drive(a_session, lambda case, block: 1e-3).values():
        assert len(result.visits[0].samples_s) == 2


@pytest.mark.parametrize("block", [0, 1, BLOCKS - 1])
@pytest.mark.parametrize("fails", CASES[:2])
def test_a_case_that_raises_holds_up_no_other(a_session, fails, block):
    def seconds(case, now):
        return ValueError("oops") if (case, now) == (fails, block) else 1e-3

    found = drive(a_session, seconds)
    assert not a_session.left
    assert (found[fails].status, found[fails].reason) == ("failed", "ValueError: oops")
    assert all(found[case].status == "ok" for case in CASES if case != fails)


def test_outputs_that_went_wrong_meanwhile_have_no_time(a_session):
    def outputs(case, block):
        return RIGHT + (case == CASES[1] and block == BLOCKS - 1)

    found = drive(a_session, lambda case, block: 1e-3, outputs)
    wrong = found[CASES[1]]
    assert (wrong.status, wrong.visits) == ("wrong", ())
    assert found[CASES[0]].status == "ok"


def test_outputs_that_cannot_be_checked_are_a_failure(a_session):
    found = drive(a_session, lambda case, block: 1e-3, lambda case, block: "no array")
    assert {result.status for result in found.values()} == {"failed"}


def test_what_a_case_waited_for_whole_cores_is_kept(a_session, monkeypatch):
    monkeypatch.setattr(a_session, "_wait", lambda: 0.25)
    for result in drive(a_session, lambda case, block: 1e-3).values():
        assert result.visits[0].conditions.waited_s == 0.25 * BLOCKS


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
    monkeypatch.setattr(session, "ceilings", lambda dtypes, _: measured.append(dtypes) or ())
    monkeypatch.setattr(free_cores, "waiting", lambda: lambda: 0.0)
    no_tf32 = {"tf32": "needs a GPU"}
    monkeypatch.setattr(registry, "unsupported", lambda case: no_tf32.get(case.dtype))
    problems = Suite((mission(1),)).problems("cpu", ["tf32", "float32"], None)
    a_session._cases = cases(problems, ("scan",))
    next(a_session.pytest_runtestloop())
    assert measured == [["float32"]]


@pytest.mark.parametrize(("visits", "again"), [(1, 0), (FEWEST_VISITS - 1, 1), (FEWEST_VISITS, 0)])
def test_ceilings_are_measured_again_before_the_last_visit(a_session, monkeypatch, visits, again):
    measured = []
    monkeypatch.setattr(session, "ceilings", lambda dtypes, _: measured.append(dtypes) or ())
    monkeypatch.setattr(free_cores, "waiting", lambda: lambda: 0.0)
    a_session.run = replace(a_session.run, visits_s=(1.0,) * visits)
    next(a_session.pytest_runtestloop())
    assert len(measured) == again


def test_a_file_that_cannot_be_written_ends_the_run(a_session, monkeypatch):
    def full(run, path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store, "save", full)
    with pytest.raises(pytest.exit.Exception):
        drive(a_session, lambda case, block: 1e-3)
    assert a_session.write_error == f"{a_session.path}: No space left on device"
    assert a_session.run.cases  # what was measured is still there to be shown
