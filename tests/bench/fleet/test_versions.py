"""Versions of JAX side by side: environments that are made once, and what is refused."""

import subprocess
from pathlib import Path

import pytest
from rich.console import Console

from bench import cli, selecting
from bench.fleet.versions import command, environments
from bench.records.store import ResultError


@pytest.fixture
def calls(monkeypatch, tmp_path):
    """What would be called to make an environment; the first words decide whether it works."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    made, failing = [], []

    def run(words, **options):
        made.append(words)
        if failing:
            return subprocess.CompletedProcess(words, 1, "", failing[0])
        folder = next(Path(word) for word in words if "jax-0.11.2-" in word)
        while not folder.name.startswith("jax-"):
            folder = folder.parent
        folder.mkdir(parents=True, exist_ok=True)
        return subprocess.CompletedProcess(words, 0, "", "")

    monkeypatch.setattr(environments.subprocess, "run", run)
    return made, failing


def test_an_environment_is_made_once(calls):
    made, _ = calls
    python = environments.python("0.11.2")
    assert environments.python("0.11.2") == python and len(made) == 2
    assert "venv" in made[0] and "jax==0.11.2" in made[1]
    assert {"numpy>=2", "pydantic>=2.10"} <= set(made[1])
    assert not [word for word in made[1] if "extra" in word]


def test_one_that_was_cut_short_is_made_again(calls):
    made, failing = calls
    failing.append("warning: slow\nERROR: No matching distribution found for jax==0.11.2\n")
    with pytest.raises(ResultError, match=r"--jax is '0\.11\.2', .*No matching distribution"):
        environments.python("0.11.2")
    failing.clear()
    environments.python("0.11.2")
    assert len(made) == 3


def test_one_version_is_none_to_compare():
    with pytest.raises(ResultError, match="expected two versions"):
        command.main(["0.11.2"], (), Console(), publish=False)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--jax", "0.11.2", "0.12.0", "--address", "here"], "not allowed with"),
        (["--jax", "0.11.2", "0.12.0", "--resume"], "not --resume"),
        (["--jax", "0.11.2", "0.12.0", "--out", "x"], "not --out"),
        (["--jax", "0.11.2"], "expected two versions"),
        (["--jax", "0.11.2", "0.12.0", "--backend", "gpu"], "expected --backend cpu"),
        (["--jax", "0.11.2", "0.11.2"], "expected each value once"),
        (["--kernel", "a.b:C"], "not --kernel"),
    ],
)
def test_what_does_not_go_together(words, message, capsys):
    try:
        status = cli.main(["fleet", *words])
    except SystemExit as stopped:
        status = stopped.code
    assert status == 2 and message in capsys.readouterr().err


def test_nodes_get_the_words_that_say_what_is_measured():
    words = ["--suite", "smoke", "--kernels", "scan", "native", "--seconds", "3"]
    drivers = ["--address", "a:1", "--out", "x", "--publish", "--resume", "--backend", "cpu"]
    assert selecting.words_for_nodes(["fleet", *drivers[:4], *words, *drivers[4:]]) == tuple(words)


def test_the_groups_are_printed(capsys):
    assert cli.main(["fleet", "--list", "--suite", "smoke", "--cell", "gru"]) == 0
    names = capsys.readouterr().out.splitlines()
    assert len(names) == len(set(names)) > 3
    assert all(name.endswith("float32 gru") for name in names)
