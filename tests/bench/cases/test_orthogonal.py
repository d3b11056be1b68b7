"""A run's processes make an orthogonal matrix once."""

import numpy as np
import pytest

from bench.cases import orthogonal

DRAWN = np.random.default_rng(1).standard_normal((512, 512))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv(orthogonal.FOLDER, str(tmp_path))
    return tmp_path


@pytest.fixture
def decompositions(monkeypatch):
    """How often a decomposition was computed."""
    calls, decompose = [], np.linalg.qr
    monkeypatch.setattr(np.linalg, "qr", lambda drawn: calls.append(1) or decompose(drawn))
    return calls


def test_the_next_process_has_the_same_matrix_without_making_it(folder, decompositions):
    first, second = orthogonal.orthogonal(DRAWN), orthogonal.orthogonal(DRAWN)
    assert len(decompositions) == 1 and len(list(folder.iterdir())) == 1
    np.testing.assert_array_equal(first, second)
    np.testing.assert_allclose(first @ first.T, np.eye(512), rtol=0, atol=1e-12)


def test_another_drawing_is_another_matrix(folder):
    other = orthogonal.orthogonal(DRAWN[::-1])
    assert not np.array_equal(other, orthogonal.orthogonal(DRAWN))
    assert len(list(folder.iterdir())) == 2


def test_small_ones_and_those_outside_a_run_are_not_kept(folder, monkeypatch):
    orthogonal.orthogonal(DRAWN[:8, :8])
    monkeypatch.delenv(orthogonal.FOLDER)
    orthogonal.orthogonal(DRAWN)
    assert not list(folder.iterdir())
