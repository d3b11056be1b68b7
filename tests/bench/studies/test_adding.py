"""The adding problem: its data, its verdicts, and that a wrong gradient does not pass."""

import dataclasses

import jax
import numpy as np
import pytest
from helpers.sample_runs import TYPICAL
from rich.console import Console

from bench import cli
from bench.records import store
from bench.records.run import Origin
from bench.studies.adding import task, training
from bench.studies.adding.training import Curve, Training, verdicts
from kernels.registry import KERNELS

ORIGIN = {field.name: getattr(TYPICAL, field.name) for field in dataclasses.fields(Origin)}


def test_the_answer_is_the_sum_of_the_marked_values():
    x, answer = task.batch(jax.random.key(0))
    assert x.shape == (task.T, task.BATCH, 2)
    np.testing.assert_array_equal(x[..., 1].sum(0), 2)
    assert (x[: task.T // 2, :, 1].sum(0) == 1).all()
    np.testing.assert_allclose((x[..., 0] * x[..., 1]).sum(0), answer, rtol=1e-6)
    many = np.concatenate([task.batch(key)[1] for key in jax.random.split(jax.random.key(1), 200)])
    assert np.mean((many - 1) ** 2) == pytest.approx(task.TRIVIAL_LOSS, rel=0.05)


def made_up(**losses):
    steps = training.TURNS * training.STEPS_A_TURN
    curves = (
        Curve(name, tuple(np.linspace(first, last, steps)), (1e-3, 2e-3, 3e-3))
        for name, (first, last) in losses.items()
    )
    return Training(**ORIGIN | {"suite": "adding"}, curves=tuple(curves))


def test_a_training_that_diverged_can_be_read_again(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = store.create(made_up(scan=(0.2, np.inf)), publish=True, folder="adding")
    (curve,) = store.load(path, Training).curves
    assert np.isnan(curve.losses).any() or np.isinf(curve.losses).any()


def test_verdicts():
    judged = verdicts(made_up(scan=(0.2, 0.0), twin=(0.2, 0.0), other=(0.21, 0.0), flat=(0.2, 0.2)))
    assert {verdict.kernel: verdict.passed for verdict in judged} == {
        "scan": True,
        "twin": True,
        "other": False,
        "flat": False,
    }
    assert judged[0].step_s == pytest.approx(2e-3)


def test_a_wrong_gradient_disagrees_at_once(monkeypatch):
    """Half of it: the sign is right, and learning might even succeed."""
    monkeypatch.setattr(training, "TURNS", 1)
    scan = KERNELS["scan"]

    def half(*arguments):
        return jax.tree.map(lambda gradient: 0.5 * gradient, scan.backward(*arguments))

    halved = dataclasses.replace(scan, backward=half)
    monkeypatch.setitem(KERNELS, "unrolled", halved)
    curves = training.train(["scan", "scan-autodiff", "unrolled"], Console(quiet=True))
    judged = verdicts(Training(**ORIGIN, curves=curves))
    right, wrong = judged[1].early_difference, judged[2].early_difference
    assert right <= training.AGREEMENT < wrong


def test_it_is_in_the_report(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = store.create(made_up(scan=(0.2, 0.0)), publish=True, folder="adding")
    assert store.load(path, Training) == made_up(scan=(0.2, 0.0))
    assert cli.main(["report"]) == 0
    text = (path.parent.parent / "report.md").read_text()
    assert "## The adding problem" in text and "adding-loss.svg" in text and "2.00 ms" in text


def test_a_step_is_timed_until_its_result_is_there(monkeypatch):
    now = [0.0]

    class Pending:
        """A result that takes a hundred seconds to arrive."""

        def block_until_ready(self):
            now[0] += 100.0
            return self

        def __array__(self, *_, **__):
            return np.zeros(training.STEPS_A_TURN)

    monkeypatch.setattr(training, "TURNS", 2)
    monkeypatch.setattr(training, "perf_counter", lambda: now[0])
    monkeypatch.setattr(task, "steps", lambda *_: lambda state, key: (state, Pending()))
    monkeypatch.setattr(task, "start", lambda: ())
    (curve,) = training.train(["scan"], Console(quiet=True))
    assert curve.step_s == pytest.approx([100.0 / training.STEPS_A_TURN] * 2)
