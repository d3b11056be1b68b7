"""`history --measure A..B`: a run of every commit that has not been filled in yet.

The kernels are the commit's, called through the face that it has as the gate calls them; all else
is this tree's: inputs, oracle, clock, the order of turns, and the baseline that they are held
against. So these runs compare with each other, whichever commit they are of. With a run of the
commit's own tree they do not: there all kernels share a process, here each has its own.
"""

from collections.abc import Collection, Sequence
from pathlib import Path

from rich.console import Console

from bench.gate import revision
from bench.gate.tree import Tree
from bench.measuring import supervisor
from bench.records import git
from bench.records.store import ResultError
from bench.report.history import commits
from bench.timing import host
from bench.timing.interrupts import Interrupt
from bench.workers.client import HARNESS
from bench.workers.unpacked import Unpacked

OPTION = "--measure"
UNUSABLE = 2  # the exit status of a run that could not be: the disk is full, perhaps


def main(span: str, done: Collection[str], run: Sequence[str], console: Console) -> int:
    """Measure what is not `done` of the commits A..B with `run`, a command line of `bench run`.

    The exit status of the first run that was interrupted or could not be, which is the last, else
    0: a commit whose kernels fail is part of the history. Raises ResultError for a span that git
    does not know, and outside this tree, whose commits a history would not show.
    """
    every = _commits(span)
    if git.top(Path()) != HARNESS.resolve():
        raise ResultError(f"{OPTION} is for commits of {HARNESS}; expected to be called there")
    if not commits.of_branch(HARNESS).keys() >= set(every):
        raise ResultError(f"{OPTION} is {span!r}; expected commits of the branch checked out")
    if not host.source().is_known:
        raise ResultError(f"{OPTION} needs a tree without local changes: a line is of one tree")
    missing = [commit for commit in every if commit not in done]
    console.print(f"{span}: {len(every)} commits, {len(missing)} to measure", markup=False)
    interrupt = Interrupt()
    for commit in missing:
        console.print(f"\n{git.named(HARNESS, commit)}", markup=False)
        status = _measured(commit, run, interrupt, console)
        if interrupt:
            return interrupt.status
        if status == UNUSABLE:
            return status
    return 0


def _measured(commit: str, run: Sequence[str], interrupt: Interrupt, console: Console) -> int:
    """The exit status of its run; 0 of a commit that has nothing to measure."""
    try:
        with revision.unpacked(Tree(HARNESS), commit) as root:
            return supervisor.run(run, interrupt, Unpacked(commit, str(root)).environment)
    except ResultError as error:
        console.print(f"skipped: {error}", markup=False)
        return 0


def _commits(span: str) -> list[str]:
    """From the first after A to B, along first parents."""
    first, dots, last = span.partition("..")
    if not (first and dots and last):
        raise ResultError(f"{OPTION} is {span!r}; expected two revisions, A..B")
    ends = [revision.commit(HARNESS, each, OPTION) for each in (first, last)]
    return git.required(HARNESS, "rev-list", "--first-parent", "--reverse", "..".join(ends)).split()
