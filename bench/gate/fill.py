"""`history --measure A..B`: a run of every commit that has not been filled in yet.

The kernels are the commit's, called through the face that it has as the gate calls them; all else
is this tree's: inputs, oracle, clock, the order of turns, and the baseline that they are held
against. So these runs compare with each other, whichever commit they are of. With a run of the
commit's own tree they do not: there all kernels share a process, here each has its own.
"""

import subprocess
from collections.abc import Collection, Sequence

from rich.console import Console

from bench.gate import revision
from bench.gate.tree import Tree
from bench.measuring import supervisor
from bench.records.store import ResultError
from bench.timing.interrupts import Interrupt
from bench.workers.client import HARNESS
from bench.workers.unpacked import Unpacked

OPTION = "--measure"


def main(span: str, done: Collection[str], run: Sequence[str], console: Console) -> int:
    """Measure what is not `done` of the commits A..B with `run`, a command line of `bench run`.

    The exit status of the first run that was interrupted, else 0: a commit whose kernels fail is
    part of the history. Raises ResultError for a span that git does not know.
    """
    every = _commits(span)
    missing = [commit for commit in every if commit not in done]
    console.print(f"{span}: {len(every)} commits, {len(missing)} to measure", markup=False)
    interrupt = Interrupt()
    for commit in missing:
        console.print(f"\n{_git('log', '-1', '--format=%h %s', commit)}", markup=False)
        try:
            with revision.unpacked(Tree(HARNESS), commit) as root:
                supervisor.run(run, interrupt, Unpacked(commit, str(root)).environment)
        except ResultError as error:
            console.print(f"skipped: {error}", markup=False)
        if interrupt:
            return interrupt.status
    return 0


def _commits(span: str) -> list[str]:
    """From the first after A to B, along first parents."""
    first, dots, last = span.partition("..")
    if not (first and dots and last):
        raise ResultError(f"{OPTION} is {span!r}; expected two revisions, A..B")
    ends = [revision.commit(HARNESS, each, OPTION) for each in (first, last)]
    return _git("rev-list", "--first-parent", "--reverse", "..".join(ends)).split()


def _git(*arguments: str) -> str:
    command = ["git", "--no-optional-locks", "-C", str(HARNESS), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
