"""`nox -s mutants`: does a test notice when a line of Python is wrong?

Mutants of the modules in targets.toml are tried in random order, each against the tests listed
there, until all are or the time is spent. What no test notices is either in survivors.toml, with
the reason, or needs a test. Exit status 1 if it is not listed, or if less than 90 % are noticed.
"""

import argparse
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from time import monotonic

from mutations import Mutant, mutants
from trials import SLOWER, SPARE_S, Ending, Trial, copied, played, prepare

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
SEED = 15
GOAL = 0.9
WORKERS = 2
LONGEST_S = 300.0
COLUMNS = ("mutants", "tried", "killed", "timed out", "explained", "unexplained")


@dataclass(frozen=True)
class Outcome:
    """What became of a mutant: "killed", "timed out", "explained" or "unexplained" (survived)."""

    mutant: Mutant
    what: str


Targets = dict[str, list[str]]  # of a module, pytest's arguments
Survivors = dict[tuple[str, str, str], str]  # of a module and two lines, the reason


def main() -> int:
    """Try the mutants, show what survived and the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modules", nargs="*", help="only these (default: all of targets.toml)")
    parser.add_argument("--minutes", type=float, default=30, help="for everything (default: 30)")
    parser.add_argument("--publish", action="store_true", help="replace tests/mutants/python.md")
    request = parser.parse_args()
    until = monotonic() + 60 * request.minutes
    targets = selected(request.modules)
    every = [each for module in targets for each in mutants(module, (ROOT / module).read_text())]
    Random(SEED).shuffle(every)
    known = survivors()
    outcomes = []
    with TemporaryDirectory(prefix="mutants-") as folder:
        for outcome in tried(every, targets, known, Path(folder), until):
            outcomes.append(outcome)
            if outcome.what == "unexplained":
                print(f"{len(outcomes)}. {described(outcome.mutant)}", flush=True)
    report = document(every, outcomes)
    print(report)
    print(*stale(known, every, outcomes), sep="\n")
    if request.publish:
        (HERE / "python.md").write_text(report)
    return int(not passed(outcomes))


def selected(modules: Sequence[str]) -> Targets:
    """The modules of targets.toml, or some of them. Raises SystemExit for one it lacks."""
    targets = tomllib.loads((HERE / "targets.toml").read_text())
    if unknown := set(modules) - set(targets):
        raise SystemExit(f"modules are {sorted(unknown)}; expected some of targets.toml's")
    return {module: targets[module] for module in modules or targets}


def survivors() -> Survivors:
    """The accepted ones, by their lines rather than their numbers, which move."""
    listed = tomllib.loads((HERE / "survivors.toml").read_text())["survivor"]
    return {
        (each["module"], each["before"], after): each["reason"]
        for each in listed
        for after in each["after"]
    }


def key(mutant: Mutant) -> tuple[str, str, str]:
    """What `survivors` knows a mutant by."""
    return mutant.module, mutant.before, mutant.after


def tried(
    every: Sequence[Mutant], targets: Targets, known: Survivors, folder: Path, until: float
) -> Iterator[Outcome]:
    """The outcomes, as they come. Raises SystemExit if the unchanged code fails its tests."""
    trees = [copied(ROOT, folder / str(number)) for number in range(WORKERS)]
    prepare(folder / "caches")
    limits = unchanged(targets, trees)
    trials = (
        (each, Trial(tuple(targets[each.module]), limits[each.module], each.module, each.text))
        for each in every
    )
    for mutant, ending in played(trials, trees, until):
        yield Outcome(mutant, _judged(mutant, ending, known))


def unchanged(targets: Targets, trees: list[Path]) -> dict[str, float]:
    """How long the tests of each module may take, by how long they do."""
    trials = [(module, Trial(tuple(words), LONGEST_S)) for module, words in targets.items()]
    limits = {}
    for module, ending in played(trials, trees, float("inf")):
        if ending.status != 0:
            raise SystemExit(f"{module}: the tests fail without a mutant:\n{ending.output}")
        limits[module] = SPARE_S + SLOWER * ending.seconds
        print(f"{ending.seconds:.0f} s for the tests of {module}", flush=True)
    return limits


def _judged(mutant: Mutant, ending: Ending, known: Survivors) -> str:
    if ending.status is None:
        return "timed out"
    if ending.status:
        return "killed"
    return "explained" if key(mutant) in known else "unexplained"


def document(every: Sequence[Mutant], outcomes: Sequence[Outcome]) -> str:
    """The table, in Markdown."""
    total = Counter(mutant.module for mutant in every)
    found = Counter((outcome.mutant.module, outcome.what) for outcome in outcomes)
    rows = [
        (module, total[module], sum(many := [found[module, what] for what in COLUMNS[2:]]), *many)
        for module in sorted(total)
    ]
    rows.append(("all", *(sum(row[i + 1] for row in rows) for i in range(len(COLUMNS)))))
    lines = [f"| {' | '.join(map(str, row))} |" for row in rows]
    head = f"| module | {' | '.join(COLUMNS)} |\n| --- |{' ---: |' * len(COLUMNS)}"
    return "\n".join([TITLE.format(seed=SEED, share=killed(outcomes)), head, *lines, ""])


TITLE = """\
# Mutants of the Python code

Made by `nox -s mutants -- --publish`, in the random order of seed {seed}: {share:.1%} of those that
were tried are noticed by a test, within its time or by exceeding it. What survives and why is in
[survivors.toml](survivors.toml), what is changed in [mutations.py](mutations.py).
"""


def killed(outcomes: Sequence[Outcome]) -> float:
    """The share of mutants tried that did not survive, the explained ones counted as survivors."""
    dead = sum(outcome.what in ("killed", "timed out") for outcome in outcomes)
    return dead / max(len(outcomes), 1)


def described(mutant: Mutant) -> str:
    """In the form of survivors.toml, but for the reason."""
    lines = (
        "[[survivor]]",
        f'module = "{mutant.module}"',
        f"before = '''{mutant.before}'''",
        f"after = ['''{mutant.after}''']",
    )
    return "\n".join(lines)


def stale(known: Survivors, every: Sequence[Mutant], outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Listed survivors that are none: their line has changed, or a test notices them now."""
    modules, exist = {mutant.module for mutant in every}, set(map(key, every))
    dead = {key(each.mutant) for each in outcomes} - {
        key(each.mutant) for each in outcomes if each.what == "explained"
    }
    for name in known:
        if name[0] in modules and name not in exist:
            yield f"survivors.toml has one whose line is not there: {name}"
        elif name in dead:
            yield f"survivors.toml has one that is noticed now: {name}"


def passed(outcomes: Sequence[Outcome]) -> bool:
    """Whether enough were noticed, and each of the others is explained."""
    explained = all(outcome.what != "unexplained" for outcome in outcomes)
    return explained and killed(outcomes) >= GOAL


if __name__ == "__main__":
    sys.exit(main())
