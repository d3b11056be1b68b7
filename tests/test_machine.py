"""What a result says of its source."""

import subprocess

import pytest

from bench import machine


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A repository of three files, one of which passes for the module."""
    for name in ("bench/machine.py", "kernels/scan.py", "results/report.md"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("before\n")
    identity = ("-c", "user.name=A", "-c", "user.email=a@b.c")
    for words in (("init", "-q"), ("add", "."), (*identity, "commit", "-qm", "Start")):
        subprocess.run(["git", "-C", str(tmp_path), *words], check=True)
    monkeypatch.setattr(machine, "__file__", str(tmp_path / "bench" / "machine.py"))
    return tmp_path


def test_a_changed_kernel_makes_a_source_dirty(checkout):
    commit = machine.source().commit
    assert len(commit) == 40 and not machine.source().dirty
    (checkout / "kernels" / "scan.py").write_text("after\n")
    assert machine.source() == machine.Source(commit, dirty=True)


def test_a_report_made_anew_does_not(checkout):
    (checkout / "results" / "report.md").write_text("after\n")
    (checkout / "results" / "new.json").write_text("{}")
    assert not machine.source().dirty


def test_outside_a_checkout_there_is_no_commit(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "__file__", str(tmp_path / "machine.py"))
    assert machine.source() == machine.Source(None, dirty=False)
