"""How much slower is too slow: one margin for all cases, and others for some."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.cases.case import Case
from bench.judging.verdicts import MARGIN
from bench.records.store import ResultError

LARGEST = 10.0  # ten times slower


@dataclass(frozen=True)
class Margins:
    """A share for all cases; each override is for the cases whose names have all its words."""

    default: float = MARGIN
    overrides: tuple[tuple[str, float], ...] = ()

    def of(self, case: Case) -> float:
        """The last override that fits, or the default."""
        fitting = [share for words, share in self.overrides if _fits(words, case)]
        return fitting[-1] if fitting else self.default


def parse(texts: Sequence[str], cases: Sequence[Case]) -> Margins:
    """Read "5", "scan=10" or "scan train=8", in percent.

    Raises ResultError for a margin that is no percentage, that fits none of the cases, or that is a
    second one for the same words.
    """
    default, overrides = MARGIN, []
    seen: set[frozenset[str]] = set()
    for text in texts:
        words, _, percent = text.rpartition("=")
        share = _share(text, percent)
        if (same := frozenset(words.split())) in seen:
            raise ResultError(f"--margin is {text!r}; expected one margin for {words or 'all'}")
        seen.add(same)
        if not words:
            default = share
            continue
        if not any(_fits(words, case) for case in cases):
            raise ResultError(f"--margin is {text!r}; expected words of a case's name before '='")
        overrides.append((words, share))
    return Margins(default, tuple(overrides))


def _fits(words: str, case: Case) -> bool:
    return set(words.split()) <= set(str(case).split())


def _share(text: str, percent: str) -> float:
    try:
        share = float(percent) / 100
    except ValueError:
        share = -1.0
    if not percent.isascii() or not 0 < share <= LARGEST:
        raise ResultError(f"--margin is {text!r}; expected a percentage such as 5 or scan=10")
    return share
