"""Which runs a comparison is of: files, folders, names, commits, or the latest two."""

import dataclasses
from pathlib import Path

import pytest
from helpers.repositories import commit, git
from helpers.sample_runs import TYPICAL, machine

from bench.records import store
from bench.records.facts import Source
from bench.records.store import ResultError
from bench.report.compare import files


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def here():
    return TYPICAL.machine.folder


def at(hour, **changed):
    return store.create(
        dataclasses.replace(TYPICAL, started=f"2026-01-02T{hour:02}:00:00+00:00", **changed),
        publish=hour % 2 == 0,
    )


def test_without_names_they_are_the_latest_two_whole_runs_of_the_latest_suite_that_has_two():
    at(1), at(7, suite="smoke"), at(5, complete=False), at(6, narrowed=("--kernels scan",))
    first, second = at(2), at(3)
    at(4).write_text("{}")
    at(8, machine=machine(cores=1))
    assert files.chosen([], here) == [first, second]


def test_two_runs_are_enough():
    paths = [at(2), at(3)]
    assert files.chosen([], here) == paths


def test_fewer_than_two_are_nothing_to_compare():
    alone = at(1)
    with pytest.raises(ResultError, match=f"^compare got 1 run, {alone}; expected none, two or"):
        files.chosen([str(alone)], here)
    with pytest.raises(
        ResultError, match="some-machine: no two whole runs of one suite; `bench run`"
    ):
        files.chosen([], lambda: "some-machine")


def test_a_folder_stands_for_its_latest_whole_run_of_a_suite_that_all_have():
    first, second = at(2), at(4)
    at(6, complete=False), at(8, suite="smoke")
    folder = str(first.parent)
    assert files.chosen([folder, str(first)], here) == [second, first]
    other = store.create(replace_run(machine(cores=1), "2026-01-01T00:00:00+00:00"), publish=True)
    assert files.chosen([str(other.parent), folder], here) == [other, second]


def replace_run(machine_, started):
    return dataclasses.replace(TYPICAL, machine=machine_, started=started)


def test_files_that_are_named_may_be_of_two_suites():
    paths = [at(2), at(4, suite="smoke")]
    assert files.chosen(list(map(str, paths)), here) == paths


def test_folders_without_a_suite_in_common_are_refused():
    first = at(2), at(4)
    elsewhere = [at(hour, suite="smoke", machine=machine(cores=1)) for hour in (1, 3)]
    folders = [str(first[0].parent), str(elsewhere[1].parent)]
    with pytest.raises(ResultError, match="no suite of which all have a whole run: "):
        files.chosen(folders, here)
    Path("empty").mkdir()
    with pytest.raises(ResultError, match=r"^empty: no whole run there$"):
        files.chosen([*folders, "empty"], here)


def test_a_run_goes_by_its_name_where_only_one_has_it():
    first, second = at(2), at(3)
    assert files.chosen([second.stem, first.stem], here) == [second, first]
    store.create(replace_run(machine(cores=1), "2026-01-02T02:00:00+00:00"), publish=True)
    with pytest.raises(ResultError, match=r"which .*json, .*json have; expected one path"):
        files.chosen([first.stem, second.stem], here)
    with pytest.raises(ResultError, match="compare got 'nothing'; expected a result file, a fol"):
        files.chosen(["nothing", second.stem], here)


def test_commits_stand_for_their_latest_runs_without_local_changes(tmp_path):
    git(tmp_path, "init", "--quiet")
    names = [commit(tmp_path, word) for word in ("one", "two")]
    one, two = (Source(name, dirty=False) for name in names)
    at(2, source=one)
    later, other = at(4, source=one), at(3, source=two)
    at(6, source=Source(names[0], dirty=True)), at(8, source=one, suite="smoke")
    assert files.chosen(["HEAD~1..HEAD"], here) == [later, other]
    assert files.chosen([f"{names[1][:9]}..{names[0][:9]}"], here) == [other, later]
    commit(tmp_path, "three")
    with pytest.raises(ResultError, match="no whole run of commit HEAD; `bench run` there makes"):
        files.chosen(["HEAD~1..HEAD"], here)
    with pytest.raises(ResultError, match="compare got 'nowhere'; expected a commit, branch or"):
        files.chosen(["nowhere..HEAD"], here)
