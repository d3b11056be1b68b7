"""Revisions of a user's own kernels."""

import sys
from random import Random

import pytest
from helpers.gate_rows import tiny
from helpers.repositories import commit, git

from bench.contenders import own
from bench.gate import revision, rounds, tree
from bench.gate.rounds import Obstacle, Setup
from bench.records.store import ResultError
from kernels.registry import KERNELS

PLACE = "theirs.fast:KERNEL"
SCAN = "from kernels.scan import KERNEL\n"
WRONG = """\
from dataclasses import replace
from kernels.scan import KERNEL as SCAN


def forward(*inputs, **options):
    steps = SCAN.forward(*inputs, **options)
    return steps._replace(h=2 * steps.h)


KERNEL = replace(SCAN, forward=forward)
"""


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """Three commits: without the kernel, with it, and with a wrong one."""
    folder = tmp_path / "repository"
    module = folder / "source" / "theirs" / "fast.py"
    module.parent.mkdir(parents=True)
    git(folder, "init", "--quiet")
    (module.parent / "__init__.py").touch()
    commit(folder, "No kernel")
    for text in (SCAN, WRONG):
        module.write_text(text)
        commit(folder, text)
    monkeypatch.syspath_prepend(folder / "source")
    yield folder
    sys.modules.pop("theirs", None)


def played(repository, tmp_path, base):
    """A round of the working tree against the base."""
    compared = tree.of_own_kernels([PLACE])
    assert compared.repository == repository.resolve()
    case = tiny(own.name(PLACE))
    with revision.unpacked(compared, revision.commit(repository, base)) as folder:
        setup = Setup(folder, compared.root, tmp_path / "caches", "cpu", compared.own)
        return rounds.play(setup, Random(1), [case])[case]


def test_the_working_tree_is_compared_with_the_base(repository, tmp_path):
    (repository / "source" / "theirs" / "fast.py").write_text(SCAN)
    times = played(repository, tmp_path, "HEAD~1")
    assert times.base_s > 0 and times.head_s > 0


def test_each_side_has_its_own_kernel(repository, tmp_path):
    found = played(repository, tmp_path, "HEAD~1")
    assert found.outcome == "WRONG" and found.reason.startswith("head: deviates by")
    (repository / "source" / "theirs" / "fast.py").write_text(SCAN)
    found = played(repository, tmp_path, "HEAD")
    assert found.outcome == "UNTIMED" and found.reason.startswith("base: deviates by")


def test_a_base_from_before_the_kernel_lacks_it(repository, tmp_path):
    (repository / "source" / "theirs" / "fast.py").write_text(SCAN)
    found = played(repository, tmp_path, "HEAD~2")
    assert found == Obstacle("UNTIMED", "base: there is no kernel 'theirs.fast'")


def test_kernels_of_no_checkout_or_of_two_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(KERNELS, "data", dict(KERNELS.data))
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.py").write_text(SCAN)
        monkeypatch.syspath_prepend(tmp_path / name)
    with pytest.raises(ResultError, match=r"kernels in .*one; expected a git checkout"):
        tree.of_own_kernels(["one:KERNEL"])
    git(tmp_path, "init", "--quiet")
    assert tree.of_own_kernels(["one:KERNEL"]).inside.name == "one"
    with pytest.raises(ResultError, match=r"kernels in .*one, .*two; expected one folder"):
        own.registered(["one:KERNEL", "two:KERNEL"])


def test_a_base_without_the_package_lacks_the_kernel_though_python_finds_another_copy(
    repository, tmp_path, monkeypatch
):
    """As where the working tree is installed: it is no part of the base."""
    monkeypatch.setenv("PYTHONPATH", str(repository / "source"))
    (repository / "source" / "theirs" / "fast.py").write_text(SCAN)
    git(repository, "checkout", "--quiet", "--orphan", "empty")
    git(repository, "reset", "--quiet")
    (repository / "README").touch()
    git(repository, "add", "README")
    git(repository, "commit", "--quiet", "--message", "Words alone")
    (repository / "source" / "theirs" / "fast.py").write_text(SCAN)
    found = played(repository, tmp_path, "HEAD")
    assert found == Obstacle("UNTIMED", "base: there is no kernel 'theirs.fast'")
