"""The lists that `nox -s mutants` goes by name what there is."""

import tomllib
from pathlib import Path

import pytest

from kernels.native import compiler

ROOT = Path(__file__).parent.parent
LISTS = ROOT / "tests" / "mutants"
TARGETS = tomllib.loads((LISTS / "targets.toml").read_text())
NATIVE = tomllib.loads((LISTS / "native.toml").read_text())["mutant"]
SURVIVORS = tomllib.loads((LISTS / "survivors.toml").read_text())["survivor"]


@pytest.mark.parametrize("module", TARGETS)
def test_a_target_and_its_tests_exist(module):
    assert (ROOT / module).exists()
    files = [word for word in TARGETS[module] if word.endswith(".py")]
    assert files and all((ROOT / file).exists() for file in files)


def test_a_survivors_line_is_there():
    """As it was when somebody said why nothing notices its change."""
    for each in SURVIVORS:
        lines = (ROOT / each["module"]).read_text().splitlines()
        assert each["before"] in " ".join(line.strip() for line in lines), each
        assert each["reason"] and each["module"] in TARGETS


@pytest.mark.parametrize("mutant", NATIVE, ids=lambda mutant: mutant["name"])
def test_what_a_fault_replaces_is_there_once(mutant):
    source = (ROOT / "kernels/native/source" / mutant["file"]).read_text()
    assert source.count(mutant["find"]) == 1
    assert mutant.get("needs") in (None, *compiler.LEVELS)
