"""Run the slow commands of commands.toml one after the other, and say what became of each.

A command that fails does not stop the others; the exit status is 1 if any failed.
"""

import argparse
import shlex
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from glob import glob
from pathlib import Path

COMMANDS = Path(__file__).with_name("commands.toml")
ROOT = COMMANDS.parent.parent
PROGRAMS = {"nox": (sys.executable, "-m", "nox"), "python": (".nox/suite/bin/python",)}


@dataclass(frozen=True)
class Outcome:
    """How one command ended, and after how long."""

    command: str
    status: int
    seconds: float

    def __str__(self) -> str:
        how = f"exit status {self.status}" if self.status else "ok"
        return f"{how:<15} {self.seconds:>6.0f} s  {self.command}"


def selected(lists: Mapping[str, Sequence[str]], argv: Sequence[str]) -> list[str]:
    """The commands to run, in order, by these words of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("words", nargs="*", help="run only commands that contain one of these")
    parser.add_argument("--publish", action="store_true", help="file what is measured in results/")
    request = parser.parse_args(argv)
    published = map(_publishing, lists["published"]) if request.publish else lists["published"]
    commands = [*lists["slow"], *published, *lists["last"]]
    if not request.words:
        return commands
    return [each for each in commands if any(word in each for word in request.words)]


def _publishing(command: str) -> str:
    """nox hands on what comes after "--"."""
    return f"{command} --publish" if " -- " in command else f"{command} -- --publish"


def main(commands: Sequence[str]) -> int:
    """Run the commands in order and print a table of their outcomes; 1 if any failed."""
    outcomes = list(map(run, commands))
    print("", *outcomes, sep="\n")
    return int(any(outcome.status for outcome in outcomes))


def run(command: str) -> Outcome:
    """Run one command in the root of the project."""
    print(f"\n{command}", flush=True)
    start = time.monotonic()
    status = subprocess.run(list(_arguments(command)), cwd=ROOT).returncode
    outcome = Outcome(command, status, time.monotonic() - start)
    print(outcome, flush=True)
    return outcome


def _arguments(command: str) -> Iterator[str]:
    """The command as a shell would start it: a pattern becomes the files that it matches."""
    program, *words = shlex.split(command)
    yield from PROGRAMS[program]
    for word in words:
        yield from sorted(glob(word, root_dir=ROOT)) or [word]


if __name__ == "__main__":
    sys.exit(main(selected(tomllib.loads(COMMANDS.read_text()), sys.argv[1:])))
