"""Plants faults in the native kernel's C++, one at a time, and sees whether the tests notice.

    python tests/mutants/native.py > tests/mutants/native.md     # every fault of native.toml
    python tests/mutants/native.py forward-carry tile-second-vector --minutes 5

There is no mutation tool for C++ templates that XLA calls, hence a list of our own. Each fault is
one replacement in a copy of the project, whose tests run, the cheapest first, until one fails. They
are compiled with -O1, which takes half the time of -O3 and has the same meaning, for this
machine's instruction set. What does not end in time counts as killed, and says so.

The exit status is 1 if a fault survived for which native.toml gives no reason, if one with a reason
was killed, or if one does not compile. Faults in code for instructions that this machine lacks are
left out, and the table names them.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import pytest

from kernels.native import compiler

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SOURCE = Path("kernels/native/source")
COPIED = ("kernels", "reference", "bench", "tests", "pyproject.toml")
COMPILER = Path("kernels/native/compiler.py")
LIMIT_S = 600  # of any one step; on an idle machine each takes less than a minute

PYTHON = (sys.executable, "-c")
BUILD_DRIVER = """
from pathlib import Path
from kernels.native.compiler import compile_program, of_cell
compile_program(Path("tests/kernels/native/driver.cc"), Path("driver"), *of_cell({cell!r}))
"""
BUILD_LIBRARIES = """
from itertools import product
from kernels.contract import DTYPES
from kernels.native import compiler, handlers
from reference import CELLS
for cell, dtype in product(CELLS, DTYPES):
    handlers.build(compiler.target(), cell, dtype)
"""
PYTEST = (sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider")
TESTS = ("tests/kernels/native/test_native.py", "tests/kernels/test_prepared.py")


@dataclass(frozen=True)
class Stage:
    """What must compile, and then what must fail for a fault to be killed."""

    name: str
    build: tuple[str, ...]
    run: tuple[str, ...]
    limit_s: float = LIMIT_S


def _tests(selected: str) -> Stage:
    run = (*PYTEST, *TESTS, "-k", selected)
    return Stage("tests", (*PYTHON, BUILD_LIBRARIES), run)


def _driver(cell: str) -> Stage:
    build = (*PYTHON, BUILD_DRIVER.format(cell=cell))
    return Stage(f"driver of {cell}", build, ("./driver",), limit_s=60)


STAGES = (
    *map(_driver, ("relu", "gru", "lstm")),
    Stage("sanitizers", ("true",), (*PYTEST, "tests/kernels/native/test_sanitizers.py")),
    _tests("not every_instruction_set and not odd_sizes"),
)


@dataclass(frozen=True)
class Mutant:
    """One fault: `find`, which occurs once in the file, becomes `replace`."""

    name: str
    file: str
    find: str
    replace: str
    first: str = ""  # tests among TESTS to try before all others, as pytest -k has them
    survives: str = ""  # why no test can notice it
    needs: str = ""  # the least of compiler.LEVELS that compiles the line

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages in order."""
        return (_tests(self.first), *STAGES) if self.first else STAGES

    @property
    def runs_here(self) -> bool:
        """Whether this machine has the instructions."""
        levels = list(compiler.LEVELS)  # best first
        if not self.needs:
            return True
        here = compiler.target()
        return here in levels and levels.index(here) <= levels.index(self.needs)


@dataclass(frozen=True)
class Outcome:
    """What became of a fault, and at which stage."""

    mutant: Mutant
    fate: str  # "killed", "survived", "does not compile"
    by: str = ""
    seconds: float = 0.0

    @property
    def expected(self) -> bool:
        """Whether native.toml says so."""
        return self.fate == ("survived" if self.mutant.survives else "killed")


def main() -> int:
    """Run the faults named, or all, and print a table."""
    arguments = _arguments()
    outcomes = []
    chosen = _chosen(arguments.names)
    mutants = [mutant for mutant in chosen if mutant.runs_here]
    end = monotonic() + 60 * arguments.minutes
    for mutant in mutants:
        if monotonic() > end:
            break
        outcomes.append(outcome := judge(mutant))
        print(_row(outcome), file=sys.stderr, flush=True)
    elsewhere = [mutant for mutant in chosen if not mutant.runs_here]
    print(*page(outcomes, len(mutants) - len(outcomes), elsewhere), sep="\n")
    return int(not all(outcome.expected for outcome in outcomes))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="of faults (default: all)")
    parser.add_argument("--minutes", type=float, default=120, help="begin none after them (120)")
    return parser.parse_args()


def _chosen(names: Sequence[str]) -> list[Mutant]:
    """The mutants of these names. Exits with a sentence for a bad name or list."""
    listed = tomllib.loads((HERE / "native.toml").read_text())["mutant"]
    mutants = {fields["name"]: Mutant(**fields) for fields in listed}
    if len(mutants) < len(listed):
        sys.exit("native.toml: two mutants have one name")
    for mutant in mutants.values():
        if (found := (ROOT / SOURCE / mutant.file).read_text().count(mutant.find)) != 1:
            sys.exit(f"native.toml: {mutant.name}: `find` occurs {found} times; expected once")
    if unknown := set(names) - set(mutants):
        sys.exit(f"no mutant is called {min(unknown)!r}; native.toml lists them")
    return [mutants[name] for name in names or mutants]


def judge(mutant: Mutant) -> Outcome:
    """Plant the fault in a copy of the project and run the stages until one fails."""
    begin = monotonic()
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        tree = Path(folder)
        _copy(tree)
        _replace(tree / SOURCE / mutant.file, mutant.find, mutant.replace)
        for stage in mutant.stages:
            if _status(stage.build, tree, LIMIT_S) != 0:
                return Outcome(mutant, "does not compile", stage.name, monotonic() - begin)
            status = _status(stage.run, tree, stage.limit_s)
            if status == pytest.ExitCode.NO_TESTS_COLLECTED:
                sys.exit(f"native.toml: {mutant.name}: `first` names no test")
            if status != 0:
                by = stage.name + (", out of time" if status is None else "")
                return Outcome(mutant, "killed", by, monotonic() - begin)
    return Outcome(mutant, "survived", "", monotonic() - begin)


def _copy(tree: Path) -> None:
    for name in COPIED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tree / name)
    _replace(tree / COMPILER, '"-O3"', '"-O1"')


def _replace(path: Path, old: str, new: str) -> None:
    path.write_text(path.read_text().replace(old, new))


def _status(command: Sequence[str], tree: Path, limit_s: float) -> int | None:
    """The exit status of a command, or None if it is late. None of its children outlives it."""
    environment = os.environ | {"XDG_CACHE_HOME": str(tree / "cache")}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(
        command, cwd=tree, env=environment, start_new_session=True, **quiet
    ) as process:
        try:
            return process.wait(limit_s)
        except subprocess.TimeoutExpired:
            return None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def page(outcomes: Sequence[Outcome], not_run: int, elsewhere: Sequence[Mutant]) -> Iterator[str]:
    """A table in Markdown, the survivors with their reasons."""
    killed = sum(outcome.fate == "killed" for outcome in outcomes)
    yield "# Faults planted in the native kernel's C++"
    yield ""
    yield f"{killed} of {len(outcomes)} killed. Made by"
    yield ""
    yield "    python tests/mutants/native.py > tests/mutants/native.md"
    yield ""
    if not_run:
        yield f"The time was over before {not_run} more were tried."
        yield ""
    if elsewhere:
        missing = ", ".join(f"{mutant.name} ({mutant.needs})" for mutant in elsewhere)
        yield f"This machine, {compiler.target()}, lacks the instructions for {missing}."
        yield ""
    yield "| fault | file | fate | seconds |"
    yield "| --- | --- | --- | ---: |"
    yield from map(_row, outcomes)


def _row(outcome: Outcome) -> str:
    fate = " by ".join(filter(None, (outcome.fate, outcome.by)))
    if not outcome.expected:
        fate = f"**{fate}**"
    if outcome.mutant.survives:
        fate += f": {outcome.mutant.survives}"
    return f"| {outcome.mutant.name} | {outcome.mutant.file} | {fate} | {outcome.seconds:.0f} |"


if __name__ == "__main__":
    sys.exit(main())
