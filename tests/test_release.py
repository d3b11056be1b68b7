"""Every command that the project names is run by something, and a release runs what CI does not."""

import re
import runpy
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LISTS = tomllib.loads((ROOT / ".ci" / "commands.toml").read_text())
QUICK, EVERY = LISTS["quick"], [command for listed in LISTS.values() for command in listed]
COMMAND = re.compile(r"(?:nox -s|python -m bench) \w[^`#\n]*\b")
RUNNERS = {"suite", "release"}  # the sessions that run others, or are run by them


def name_and_options(command):
    """("nox -s regress", {"--base"}) of "nox -s regress -- --base main"."""
    name = re.match(r"(?:nox -s|python -m bench) \w+", command)[0]
    return name, set(re.findall(r"--[a-z]\S*", command))


def has(listed, command):
    """Whether one of these is the command, with its options at least, but for publishing."""
    name, options = name_and_options(command)
    return any(
        name == other and options - {"--publish"} <= more
        for other, more in map(name_and_options, listed)
    )


@pytest.mark.parametrize(
    ("text", "count"), [("README.md", 12), ("CONTRIBUTING.md", 6), ("docs/measuring.md", 3)]
)
def test_every_command_of_the_texts_is_run(text, count):
    named = set(COMMAND.findall((ROOT / text).read_text()))
    listed = [command for command in named if not command.startswith("nox -s release")]
    assert len(listed) >= count
    assert [command for command in listed if not has(EVERY, command)] == []


def test_every_session_is_run():
    sessions = re.findall(r"^@(?:own|shared)\ndef (\w+)", (ROOT / "noxfile.py").read_text(), re.M)
    run = {name.split()[-1] for name, _ in map(name_and_options, EVERY) if "nox" in name}
    assert run == set(sessions) - RUNNERS


def test_ci_runs_the_quick_ones():
    assert COMMAND.findall((ROOT / ".ci" / "run").read_text()) == QUICK


@pytest.fixture
def release():
    """The program's names, its commands' Python being this one."""
    names = runpy.run_path(str(ROOT / ".ci" / "release.py"))
    names["PROGRAMS"]["python"] = (sys.executable,)
    return names


def test_a_release_runs_all_that_ci_does_not(release):
    commands = release["selected"](LISTS, [])
    assert sorted(QUICK + commands) == sorted(EVERY)
    assert not any("--publish" in command for command in commands)


def test_a_release_publishes_what_is_to_be_published(release):
    lists = {
        "slow": ["nox -s static"],
        "published": ["nox -s ladder", "nox -s regress -- --self-test"],
        "last": ["nox -s report"],
    }
    commands = release["selected"](lists, ["--publish", "ladder", "self", "static"])
    assert commands == [
        "nox -s static",
        "nox -s ladder -- --publish",
        "nox -s regress -- --self-test --publish",
    ]


def test_a_release_goes_on_after_a_failure(release, capfd):
    commands = ["python -c 'print(6 * 7)'", "python -c 'raise SystemExit(3)'", "python -c ''"]
    assert release["main"](commands) == 1
    out = capfd.readouterr().out
    assert "\n42\n" in out
    table = [line.split(" s  ") for line in out.splitlines()[-3:]]
    assert [command for _, command in table] == commands
    ended = [re.split(r"\s{2,}", how)[0] for how, _ in table]
    assert ended == ["ok", "exit status 3", "ok"]


def test_a_release_passes_if_every_command_does(release):
    assert release["main"](["python -c ''"] * 2) == 0


def test_a_pattern_means_the_files_it_matches(release, capfd):
    show = "python -c 'import sys; print(sys.argv[1:])' -- *.toml --margin=2 no*such"
    assert release["main"]([show]) == 0
    assert "['--', 'pyproject.toml', '--margin=2', 'no*such']" in capfd.readouterr().out
