"""Kernels that are none of this project's, by their places."""

import sys

import pytest
from helpers.repositories import commit, git

from bench.contenders import own, registry
from bench.records.store import ResultError
from kernels.registry import KERNELS
from kernels.scan import KERNEL as SCAN


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package `mine` whose module `fast` has two kernels, and what is none."""
    folder = tmp_path / "source" / "mine"
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "fast.py").write_text("from kernels.scan import KERNEL, KERNEL as OTHER\nNONE = 1\n")
    (folder / "broken.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(folder.parent)
    monkeypatch.setattr(KERNELS, "data", dict(KERNELS.data))
    yield folder
    for name in [name for name in sys.modules if name.partition(".")[0] == "mine"]:
        del sys.modules[name]


def test_it_has_the_name_of_its_module_and_is_a_kernel_as_all_others(package):
    names = own.registered(["mine.fast:KERNEL", "mine.fast:OTHER"])
    assert names == ("mine.fast", "mine.fast.OTHER")
    assert registry.known("mine.fast") and KERNELS["mine.fast"] is SCAN


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("mine.fast", ""),
        ("mine.fast:", ""),
        (":KERNEL", ""),
        ("mine fast:KERNEL", ""),
        ("mine.fast:NONE", ": it is a int"),
        ("mine.fast:GONE", ": AttributeError: .*GONE.*"),
        ("mine.gone:KERNEL", ": ModuleNotFoundError: No module named 'mine.gone'"),
        ("mine.broken:KERNEL", ": ZeroDivisionError: division by zero"),
        ("scan:KERNEL", " under a name of its own"),
    ],
)
def test_what_is_no_kernel_is_one_sentence(package, place, why):
    expected = rf"^--kernel is '{place}'; expected package\.module:NAME of a kernels\.contract\.Ker"
    with pytest.raises(ResultError, match=rf"{expected}nel{why}$"):
        own.registered([place])
    assert own.name(place) not in KERNELS or place == "scan:KERNEL"


def test_its_folder_is_where_its_package_lies(package):
    assert own.folder("mine.fast:KERNEL") == own.folder("mine:KERNEL") == package.parent


def test_a_result_says_which_commit_of_it_was_measured(package):
    own.registered(["mine.fast:KERNEL"])
    assert registry.versions(("scan", "mine.fast")) == {"mine.fast": "unknown commit"}
    git(package.parent, "init", "--quiet")
    name = commit(package.parent, "Start")
    (version,) = registry.versions(("mine.fast",)).values()
    assert name.startswith(version)
    (package / "fast.py").write_text("")
    assert registry.versions(("mine.fast",)) == {"mine.fast": f"{version}-dirty"}
