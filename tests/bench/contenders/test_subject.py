"""Outputs are held against the oracle once, and again as soon as they are any different."""

from contextlib import suppress

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bench.cases.case import Case
from bench.cases.programs import Program
from bench.cases.workloads import mission
from bench.contenders import answers
from bench.contenders.subject import Subject, compiled

RIGHT = np.arange(3.0)


@pytest.fixture
def subject():
    """One whose `checks` counts how often the oracle was."""
    checks = []

    def pairs(outputs):
        checks.append(1)
        return [(np.asarray(outputs[0]), RIGHT, 1.0)]

    counted = Subject(lambda: None, pairs)
    return counted, checks


def test_equal_outputs_are_judged_once(subject):
    counted, checks = subject
    assert [counted.error((RIGHT.copy(),)) for _ in range(3)] == [0, 0, 0]
    assert len(checks) == 1


def test_outputs_that_were_written_over_are_judged_again(subject):
    counted, checks = subject
    outputs = (RIGHT.copy(),)
    assert counted.error(outputs) == 0
    outputs[0][1] += 2
    assert counted.error(outputs) == 1.0
    assert counted.error((RIGHT,)) == 0
    assert len(checks) == 2


def test_outputs_of_another_kind_are_always_judged(subject):
    counted, checks = subject
    assert [counted.error(([0.0, 1.0, 2.0],)) for _ in range(2)] == [0, 0]
    assert len(checks) == 2


def test_not_a_number_is_infinitely_wrong(subject):
    counted, _ = subject
    wrong = np.array([0.0, np.nan, 2.0])
    assert [counted.error((wrong,)) for _ in range(2)] == [np.inf, np.inf]


@pytest.mark.parametrize("other", [RIGHT.astype("float32"), RIGHT[None], RIGHT[:2]])
def test_equal_bytes_of_another_kind_are_judged_anew(subject, other):
    counted, checks = subject
    for outputs in (RIGHT, other):
        with suppress(ValueError):  # shapes that do not compare
            counted.error((outputs,))
    assert len(checks) == 2


def test_a_further_process_need_not_judge_again(subject, tmp_path, monkeypatch):
    monkeypatch.setenv(answers.FOLDER, str(tmp_path))
    case = Case(mission(1), "model", "forward", "float32", "relu", "scan")
    assert answers.known(case) == {}
    counted, checks = subject
    counted.error((RIGHT,))
    answers.keep(case, counted.judged)
    again = Subject(lambda: None, counted.pairs, judged=answers.known(case))
    assert again.error((RIGHT.copy(),)) == 0 and len(checks) == 1


def test_outside_a_run_nothing_is_kept(monkeypatch):
    monkeypatch.delenv(answers.FOLDER, raising=False)
    case = Case(mission(1), "model", "forward", "float32", "relu", "scan")
    answers.keep(case, {"digest": 1.0})
    assert answers.known(case) == {}


def test_a_call_waits_for_its_result():
    """JAX returns before the work is done, so a call that does not wait times nothing."""

    def slow(x):
        return jax.lax.fori_loop(0, 100, lambda _, x: jnp.tanh(x @ x), x)

    subject = compiled(Program(slow, (jnp.eye(500),), lambda _: []))
    assert all(subject.call().is_ready() for _ in range(3))
