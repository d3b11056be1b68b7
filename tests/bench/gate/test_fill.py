"""Commits that were never measured, filled in."""

import subprocess

import pytest
from helpers.repositories import commit, git, repository, signed
from helpers.trees import copy_of_kernels
from rich.console import Console

from bench.gate import fill
from bench.records.facts import Source
from bench.records.store import ResultError
from bench.workers.unpacked import COMMIT, ROOT

RUN = ["run", "--suite", "smoke"]


@pytest.fixture
def commits(tmp_path, monkeypatch):
    """Of a repository, the oldest first; the third has a kernel, the fourth another one."""
    monkeypatch.setattr(fill, "HARNESS", tmp_path)
    monkeypatch.setattr(fill.host, "source", lambda: Source("5" * 40, dirty=False))
    monkeypatch.chdir(tmp_path)
    repository(tmp_path, ["0", "1"])
    copy_of_kernels(tmp_path)
    for number in (2, 3):
        (tmp_path / "kernels" / "speed").write_text(str(number))
        commit(tmp_path, f"[b] {number}")
    return git(tmp_path, "rev-list", "--reverse", "HEAD").split()


@pytest.fixture
def measured(monkeypatch):
    """What was run: command line, commit, and the number that its kernels have."""
    runs = []

    def run(argv, interrupt, environment):
        with open(f"{environment[ROOT]}/kernels/speed") as file:
            runs.append((argv, environment[COMMIT], file.read()))
        return 1

    monkeypatch.setattr(fill.supervisor, "run", run)
    return runs


def test_only_what_has_no_run_is_measured_with_its_own_kernels(commits, measured, capsys):
    span = f"{commits[0]}..HEAD"
    assert fill.main(span, {commits[3], "4" * 40}, RUN, Console(width=100)) == 0
    assert measured == [(RUN, commits[2], "2")]
    out = capsys.readouterr().out
    assert "3 commits, 2 to measure" in out and "[b] 2" in out
    assert "skipped: commit " in out and "lacks kernels or reference" in out.replace("\n", " ")


def test_the_oldest_comes_first_and_an_interrupt_ends_it(commits, measured, monkeypatch):
    fill.main("HEAD~2..HEAD", (), RUN, Console())
    assert [commit for _, commit, _ in measured] == commits[2:]
    measured.clear()

    def interrupted(argv, interrupt, environment):
        measured.append(environment[COMMIT])
        interrupt.count, interrupt.number = 1, 2
        return interrupt.status

    monkeypatch.setattr(fill.supervisor, "run", interrupted)
    assert fill.main("HEAD~2..HEAD", (), RUN, Console()) == 130
    assert measured == [commits[2]]


def test_a_run_that_could_not_be_is_the_last(commits, measured, monkeypatch):
    """As where the disk is full: the next one could not be either."""
    run = fill.supervisor.run
    monkeypatch.setattr(fill.supervisor, "run", lambda *words: run(*words) and 2)
    assert fill.main("HEAD~2..HEAD", (), RUN, Console()) == 2
    assert [commit for _, commit, _ in measured] == [commits[2]]


def test_it_is_refused_where_a_history_would_show_other_commits(
    commits, measured, tmp_path, monkeypatch
):
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    assert fill.main("HEAD..HEAD", (), RUN, Console()) == 0
    repository(tmp_path / "below", ["Another"])
    with pytest.raises(ResultError, match=r"^--measure is for commits of /.*; expected to be"):
        fill.main("HEAD~1..HEAD", (), RUN, Console())
    assert measured == []


def test_a_commit_is_named_by_its_subject_alone(commits, measured, tmp_path, capsys):
    """Without its signature, nor what a terminal would obey."""
    commit(tmp_path, "One\x1b[2J")
    name = signed(tmp_path)
    fill.main("HEAD~1..HEAD", (), RUN, Console(width=100))
    assert capsys.readouterr().out.endswith(f"\n\n{name[:7]} One�[2J\n")


@pytest.mark.parametrize("span", ["HEAD", "..HEAD", "HEAD~1..", ""])
def test_a_span_has_two_ends(span, commits):
    with pytest.raises(ResultError, match=r"^--measure is .*; expected two revisions, A\.\.B$"):
        fill.main(span, (), RUN, Console())


def test_revisions_that_git_does_not_know_are_one_sentence(commits):
    with pytest.raises(ResultError, match=r"^--measure is 'nobody'; expected a commit, branch"):
        fill.main("nobody..HEAD", (), RUN, Console())


def test_nothing_is_left_in_the_repository(commits, measured, tmp_path):
    fill.main("HEAD~1..HEAD", (), RUN, Console())
    assert subprocess.check_output(["git", "-C", str(tmp_path), "status", "--porcelain"]) == b""


def test_a_tree_with_local_changes_fills_in_nothing(commits, measured, monkeypatch):
    """They would be in no line's name."""
    monkeypatch.setattr(fill.host, "source", lambda: Source("5" * 40, dirty=True))
    with pytest.raises(ResultError, match="--measure needs a tree without local changes"):
        fill.main("HEAD~1..HEAD", (), RUN, Console())
    assert measured == []


def test_commits_of_another_branch_are_refused(commits, measured, tmp_path):
    """Their runs would be no part of this branch's history."""
    git(tmp_path, "checkout", "--quiet", "-b", "side", "HEAD~1")
    name = commit(tmp_path, "Aside")
    git(tmp_path, "checkout", "--quiet", "-")
    with pytest.raises(ResultError, match=r"expected commits of the branch checked out"):
        fill.main(f"HEAD~1..{name}", (), RUN, Console())
    assert measured == []
