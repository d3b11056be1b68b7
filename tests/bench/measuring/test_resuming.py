"""With which run `--resume` goes on."""

from dataclasses import replace

import pytest
from helpers.sample_runs import HERE, machine, timed

from bench.cases.suites import Problem
from bench.cases.workloads import Workload
from bench.measuring import resuming
from bench.measuring.selection import Request
from bench.records import store
from bench.records.facts import Settings, Source
from bench.records.store import ResultError
from bench.timing import host
from bench.workers.together import TOGETHER
from bench.workers.unpacked import Unpacked

TINY = Workload("tiny", T=2, B=2, I=2, H=2, O=2)
COMMIT = Source("0" * 40, dirty=False)


@pytest.fixture(autouse=True)
def circumstances(tmp_path, monkeypatch):
    """A clean checkout on a machine that is always the same."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(host, "source", lambda: COMMIT)
    monkeypatch.setattr(host, "machine", lambda: HERE)


def request(resume=False, kernels=("scan", "unrolled"), command="python -m bench run"):
    return Request(
        suite="tiny",
        problems=(Problem(TINY, "float32", "relu"),),
        kernels=kernels,
        phases=("forward",),
        budget_s=0.1,
        patience_s=300.0,
        publish=False,
        command=command,
        narrowed=(),
        resume=resume,
    )


def cut_short():
    """The file of a run that finished one group of two."""
    run, path = resuming.opened(request())
    run = run.updated((timed(TINY, "scan", 1.0), timed(TINY, "unrolled", 1.0)), 7.0)
    store.save(run, path)
    return path


def test_the_newest_that_was_cut_short():
    older = cut_short()
    path = cut_short()
    run, found = resuming.opened(request(resume=True))
    assert found == path != older and run.seconds == 7.0
    assert [result.case.scope for result in run.cases] == ["model", "model"]


@pytest.mark.parametrize(
    ("what", "other"),
    [
        ("source", Source("1" * 40, dirty=False)),
        ("machine", machine(cores=4)),
        ("versions", {"python": "3.99"}),
        ("settings", Settings(async_dispatch=False)),
    ],
)
def test_nothing_of_other_circumstances(what, other, monkeypatch):
    cut_short()
    monkeypatch.setattr(host, what, lambda: other)
    with pytest.raises(ResultError, match=r"--resume found no run of tiny"):
        resuming.opened(request(resume=True))


def test_nothing_of_a_tree_with_local_changes(monkeypatch):
    monkeypatch.setattr(host, "source", lambda: replace(COMMIT, dirty=True))
    cut_short()
    with pytest.raises(ResultError, match="without local changes"):
        resuming.opened(request(resume=True))


@pytest.mark.parametrize(
    "options", [{"command": "python -m bench run --seconds 2"}, {"kernels": ("unrolled",)}]
)
def test_nothing_with_other_options(options):
    cut_short()
    with pytest.raises(ResultError, match="with these options"):
        resuming.opened(request(resume=True, **options))


def test_nothing_that_is_complete():
    path = cut_short()
    store.save(replace(store.load(path), complete=True), path)
    with pytest.raises(ResultError, match="cut short"):
        resuming.opened(request(resume=True))


def test_a_file_that_is_given_is_taken_as_it_is(monkeypatch):
    """By the supervisor, which has just seen its own child die."""
    path = cut_short()
    monkeypatch.setattr(host, "source", lambda: replace(COMMIT, dirty=True))
    run, found = resuming.opened(replace(request(), resumed=str(path)))
    assert found == path and len(run.cases) == 2


def test_a_run_of_another_trees_kernels_says_so_and_stands_aside(monkeypatch):
    """Neither a report nor a comparison takes it for one of this tree."""
    other = "4" * 40
    for name, value in Unpacked(other, "/somewhere").environment.items():
        monkeypatch.setenv(name, value)
    run, path = resuming.opened(request())
    assert (run.source, run.harness) == (Source(other, dirty=False), COMMIT)
    assert path.name.startswith("history-") and path in store.runs(path.parent)
    assert path not in path.parent.glob(store.FILES)


def test_a_run_of_a_users_own_kernels_is_one_of_their_commit(tmp_path, monkeypatch):
    """By which their results are compared."""
    theirs = Source("9" * 40, dirty=False)
    monkeypatch.setattr(host, "source", lambda folder=None: theirs if folder else COMMIT)
    monkeypatch.setattr(resuming.own, "files", lambda names: {"mine": tmp_path})
    run, _ = resuming.opened(request())
    assert run.source == theirs and run.versions["recurrent-kernels"] == COMMIT.commit


def test_a_run_that_takes_turns_with_others_says_so(monkeypatch):
    assert resuming.opened(request())[0].together == ""
    monkeypatch.setenv(TOGETHER, "these")
    assert resuming.opened(request())[0].together == "these"
