"""The first commit that is slower, found by halves."""

import re

import pytest
from helpers.repositories import commit, git
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from bench.cases.case import Case
from bench.cases.workloads import mission
from bench.gate import bisect, margins, rounds
from bench.gate.bisect import Culprit, search
from bench.gate.request import Request
from bench.gate.rounds import Obstacle, Times
from bench.gate.tree import Tree
from bench.workers.messages import Item
from bench.workers.revision import PACKAGES

CASE = Case(mission(50), "model", "forward", "float32", "relu", "scan")


@given(st.data())
def test_the_first_that_is_slower_is_found_or_is_among_the_skipped(data):
    commits = [f"c{i}" for i in range(data.draw(st.integers(1, 40)))]
    first = data.draw(st.integers(0, len(commits) - 1))
    unknown = data.draw(st.sets(st.sampled_from(commits[:-1] or ["none"])))
    tried = []

    def is_slower(commit):
        tried.append(commit)
        return None if commit in unknown else commits.index(commit) >= first

    found = search(commits, is_slower)
    assert commits[first] in (found.commit, *found.skipped)
    assert set(found.skipped) <= unknown and len(set(tried)) == len(tried)
    if not unknown:
        assert found == Culprit(commits[first], ())
        assert len(tried) <= len(commits).bit_length()


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """Six commits whose kernel takes the seconds that its file says, the fourth no number."""
    for package in PACKAGES:
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
    git(tmp_path, "init", "-q")
    for number, speed in enumerate(["1.0", "1.0", "1.0", "broken", "1.3", "1.3"]):
        (tmp_path / "kernels" / "speed").write_text(f"{speed}\n# {number}\n")
        commit(tmp_path, f"[b] Commit {number}")

    def play(setup, random, items):
        speed = (setup.head / "kernels" / "speed").read_text().split()[0]
        if speed == "broken":
            return dict.fromkeys(items, Obstacle("FAILED", "no number"))
        return dict.fromkeys(items, Times(1.0, float(speed)))

    monkeypatch.setattr(rounds, "play", play)
    return tmp_path


def searched(folder, base):
    request = Request(
        suite="gate",
        cases=(CASE,),
        platform="cpu",
        base=base,
        margins=margins.parse((), [CASE]),
        budget_s=60.0,
        strict=False,
        bisect=True,
        tree=Tree(folder),
        publish=False,
        command="python -m bench regress",
        narrowed=(),
    )
    bisect.main(request, [Item(CASE)], folder, Console(width=200), lambda number, of: None)


def test_it_is_named_with_those_of_which_nothing_can_be_said(repository, capsys):
    searched(repository, "HEAD~5")
    out = capsys.readouterr().out
    tried = re.findall(r"^trying \w+ \[b\] Commit (\d)$", out, re.M)
    assert tried == ["3", "2", "4"]
    *_, first, other = out.strip().splitlines()
    assert first.startswith("The first that is slower: ") and first.endswith(" [b] Commit 4")
    assert other.startswith("or, for nothing could be said of it: ") and "[b] Commit 3" in other


def test_a_ci_shows_what_was_found(repository, monkeypatch, tmp_path):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    searched(repository, "HEAD~5")
    shown = (tmp_path / "summary.md").read_text()
    assert re.search(r"^- The first that is slower: \w+ \\\[b\\\] Commit 4$", shown, re.M)


def test_changes_that_are_not_committed_may_be_it(repository, capsys):
    (repository / "kernels" / "speed").write_text("1.7")
    searched(repository, "HEAD~1")
    assert "Commit 5" in capsys.readouterr().out
    commit(repository, "Commit 6")
    (repository / "kernels" / "speed").write_text("2.0")
    searched(repository, "HEAD")
    assert "The first that is slower: the local changes" in capsys.readouterr().out


def test_a_base_that_is_no_ancestor_leads_to_no_search(repository, capsys):
    git(repository, "checkout", "-qb", "side", "HEAD~2")
    searched(repository, "@{-1}")
    assert "no ancestor of this commit" in capsys.readouterr().out


def test_commits_that_touch_no_kernel_are_not_tried(repository, capsys):
    (repository / "README").touch()
    commit(repository, "Words")
    searched(repository, "HEAD~1")
    assert "There is no commit after HEAD~1 to search." in capsys.readouterr().out


def test_without_commits_after_the_base_there_is_nothing_to_search(repository, capsys):
    searched(repository, "HEAD")
    assert "There is no commit after HEAD to search." in capsys.readouterr().out
