"""Waiting for a quiet machine, and for one's turn on it."""

import subprocess
import sys
from pathlib import Path

import pytest

from bench.timing import conditions, quiet
from bench.timing.conditions import Moment


@pytest.fixture
def clock(monkeypatch):
    """Time passes only by sleeping; `busy` has the share that others take in each second."""
    now, busy = [0.0], []

    def share(start, end, cores):
        return busy[min(int(start.wall), len(busy) - 1)]

    monkeypatch.setattr(quiet, "monotonic", lambda: now[0])
    monkeypatch.setattr(quiet, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    monkeypatch.setattr(conditions, "now", lambda: Moment(now[0], 0.0, 0.0))
    monkeypatch.setattr(conditions, "others", share)
    monkeypatch.setattr(conditions, "processes_on_gpu", lambda: 0)
    return now, busy


@pytest.mark.parametrize(
    ("shares", "became_quiet", "after"),
    [([0.0], True, 1), ([0.9, 0.5, 0.05], True, 3), ([1.0], False, 60)],
)
def test_it_begins_once_others_take_little_and_in_the_end_all_the_same(
    clock, shares, became_quiet, after
):
    now, busy = clock
    busy += shares
    assert quiet.wait() == became_quiet
    assert now[0] == after


def test_a_gpu_that_computes_is_not_quiet(clock, monkeypatch):
    now, busy = clock
    busy.append(0.0)
    monkeypatch.setattr(conditions, "processes_on_gpu", lambda: int(now[0] < 5))
    assert quiet.wait()
    assert now[0] == 5


def test_one_measures_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(quiet, "LOCK", tmp_path / "lock")
    program = (
        "import sys\nfrom pathlib import Path\nfrom bench.timing import quiet\n"
        f"quiet.LOCK = Path({str(tmp_path / 'lock')!r})\n"
        "print('waits', flush=True)\nwith quiet.alone():\n    print('has it', flush=True)\n"
    )
    root = Path(__file__).parents[3]
    with quiet.alone():
        other = subprocess.Popen(
            [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=root
        )
        assert other.stdout.readline() == "waits\n"
        with pytest.raises(subprocess.TimeoutExpired):
            other.wait(0.5)
    assert other.stdout.readline() == "has it\n"
    assert other.wait(60) == 0
