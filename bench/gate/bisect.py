"""`regress --base GOOD --bisect`: the first commit that is slower, by git bisect's search.

Each commit tried is compared with the base, in the cases that the gate called SLOWER. One of which
nothing can be said, because it does not run or stays AMBIGUOUS, is skipped, and named if the search
ends beside it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from rich.console import Console

from bench.gate import looks, revision, rounds
from bench.gate.request import SEED, Request, counts
from bench.gate.rounds import Setup
from bench.judging.verdicts import Verdict
from bench.records import git
from bench.records.store import ResultError
from bench.report.pages import ci_summary
from bench.report.pages.markup import listed, plain
from bench.report.section import Section
from bench.workers.messages import Item

Announce = Callable[[int, int], None]
Ask = Callable[..., str]  # what git prints for these words


@dataclass(frozen=True)
class Culprit:
    """The first commit that is slower, or None: the working tree's own changes are.

    skipped: commits before it, of which nothing could be said: it may be the first of these.
    """

    commit: str | None
    skipped: tuple[str, ...]


def main(
    request: Request, items: Sequence[Item], base: Path, console: Console, announce: Announce
) -> None:
    """Search the commits from the request's base, unpacked in the folder `base`, to this one."""
    repository = request.tree.repository
    ask, named = partial(git.required, repository), partial(git.named, repository)
    if git.output(repository, "merge-base", "--is-ancestor", request.base, "HEAD") is None:
        words = f"{request.base} is no ancestor of this commit: there is no search."
        return console.print(words, markup=False)
    commits = _commits(ask, request.base, request.tree.paths)
    if not commits:
        return console.print(f"There is no commit after {request.base} to search.", markup=False)

    def is_slower(commit: str) -> bool | None:
        console.print(f"\ntrying {named(commit)}", markup=False)
        return _is_slower(request, items, base, commit, console, announce)

    lines = list(_in_words(search(commits, is_slower), named))
    console.print("", *lines, sep="\n", markup=False)
    ci_summary.append("Bisected", [Section("Since when", [listed(map(plain, lines))])])


def _in_words(found: Culprit, named: Callable[[str], str]) -> Iterator[str]:
    first = named(found.commit) if found.commit else "the local changes of the working tree"
    yield f"The first that is slower: {first}"
    for commit in found.skipped:
        yield f"or, for nothing could be said of it: {named(commit)}"


def search(commits: Sequence[str | None], is_slower: Callable[[str], bool | None]) -> Culprit:
    """`commits` from the oldest on, of which the last is slower; None from `is_slower`: unknown."""
    low, high, skipped = -1, len(commits) - 1, set()
    while left := [i for i in range(low + 1, high) if i not in skipped]:
        middle = left[len(left) // 2]
        slower = is_slower(commits[middle])
        if slower is None:
            skipped.add(middle)
        elif slower:
            high = middle
        else:
            low = middle
    return Culprit(commits[high], tuple(commits[low + 1 : high]))


def _is_slower(
    request: Request,
    items: Sequence[Item],
    base: Path,
    commit: str,
    console: Console,
    announce: Announce,
) -> bool | None:
    try:
        with (
            revision.unpacked(request.tree, commit) as head,
            TemporaryDirectory(prefix="bench-regress-") as caches,
        ):
            setup = Setup(base, head, Path(caches), request.platform, request.tree.own)
            play = partial(rounds.play, setup, Random(SEED))
            *_, rows = looks.interim_results(
                items, request.margins, request.budget_s, play, announce
            )
    except ResultError as error:
        console.print(f"skipped: {error}", markup=False)
        return None
    console.print(counts(rows))
    outcomes = {row.outcome for row in rows}
    if Verdict.SLOWER in outcomes:
        return True
    return False if outcomes <= {Verdict.SAME, Verdict.FASTER} else None


def _commits(ask: Ask, base: str, paths: Sequence[str]) -> list[str | None]:
    """That touch kernels, the oldest first; at last the working tree, if its kernels do."""
    changed = ask("status", "--porcelain", "--untracked-files=no", "--", *paths)
    since = ("rev-list", "--first-parent", "--reverse", f"{base}..HEAD", "--", *paths)
    return [*ask(*since).split(), *([None] if changed else [])]
