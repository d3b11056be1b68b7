"""What a result says of its source."""

import os
import subprocess

import pytest

from bench.records import facts
from bench.timing import host


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A repository of three files, one of which passes for the module."""
    for name in ("bench/host.py", "kernels/scan.py", "results/report.md"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("before\n")
    identity = ("-c", "user.name=A", "-c", "user.email=a@b.c")
    for words in (("init", "-q"), ("add", "."), (*identity, "commit", "-qm", "Start")):
        subprocess.run(["git", "-C", str(tmp_path), *words], check=True)
    monkeypatch.setattr(host, "__file__", str(tmp_path / "bench" / "host.py"))
    return tmp_path


def test_a_changed_kernel_makes_a_source_dirty(checkout):
    commit = host.source().commit
    assert len(commit) == 40 and not host.source().dirty
    (checkout / "kernels" / "scan.py").write_text("after\n")
    assert host.source() == facts.Source(commit, dirty=True)


def test_a_report_made_anew_does_not(checkout):
    (checkout / "results" / "report.md").write_text("after\n")
    (checkout / "results" / "new.json").write_text("{}")
    assert not host.source().dirty


def test_reading_a_checkout_writes_nothing_into_it(checkout):
    """A new index is written beside a lock, which a full disk leaves in the user's way."""
    os.utime(checkout / "kernels" / "scan.py", (1, 1))  # looks changed until it is read
    before = (checkout / ".git" / "index").read_bytes()
    assert not host.source().dirty
    assert (checkout / ".git" / "index").read_bytes() == before


def test_outside_a_checkout_there_is_no_commit(tmp_path, monkeypatch):
    monkeypatch.setattr(host, "__file__", str(tmp_path / "host.py"))
    assert host.source() == facts.Source(None, dirty=False)


def test_a_system_that_does_not_say_has_no_settings(tmp_path):
    assert host.settings(tmp_path) == facts.Settings()


def test_variables_of_the_allocator_are_settings(tmp_path, monkeypatch):
    monkeypatch.setenv("MALLOC_ARENA_MAX", "1")
    assert host.settings(tmp_path) == facts.Settings(malloc={"MALLOC_ARENA_MAX": "1"})


@pytest.mark.parametrize(
    ("file", "text", "turbo"),
    [
        ("intel_pstate/no_turbo", "0\n", True),
        ("intel_pstate/no_turbo", "1\n", False),
        ("cpufreq/boost", "1\n", True),
        ("cpufreq/boost", "0\n", False),
        ("cpufreq/boost", "?", None),
    ],
)
def test_settings_are_those_of_linux(tmp_path, file, text, turbo):
    cores = tmp_path / host.CORES
    pressure = "some avg10=9.00 avg60=2.50 avg300=1.00 total=1\nfull avg10=0.00 avg60=0.00"
    for path, content in {
        cores / "cpu0/cpufreq/scaling_governor": "powersave\n",
        cores / file: text,
        tmp_path / "proc/pressure/memory": pressure,
    }.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    assert host.settings(tmp_path) == facts.Settings("powersave", turbo, 0.025)
