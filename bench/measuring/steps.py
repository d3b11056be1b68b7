"""What a measuring process says of what it is doing, for the supervisor that waits for it.

Every step has a deadline: several times what it should take, so that only a hang misses it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from bench.cases.case import Case

FLOOR_S = 60.0  # of any deadline
GENEROUS = 5  # times the seconds that `contenders.limits` expects of a slow machine


@dataclass(frozen=True)
class Step:
    """One step of a run, which may take `limit_s` seconds.

    `path` is the run's file, once there is one; `case` is whose fault it is if the process dies.
    Once it is "done", `status` is the run's exit status, and `more` says that it has a further
    visit.
    """

    what: Literal["start", "ceilings", "prepare", "turn", "check", "conclude", "done"]
    limit_s: float = FLOOR_S
    path: str = ""
    case: Case | None = None
    status: int = 0
    more: bool = False


Begin = Callable[[Step], None]


def prepare(case: Case, expected_s: float, patience_s: float) -> Step:
    """Compile the case, which is what the patience is for, call it once and check it."""
    return Step("prepare", patience_s + GENEROUS * expected_s, case=case)


def turn(case: Case, expected_s: float) -> Step:
    """Wait for the cores, warm up, sample."""
    return Step("turn", FLOOR_S + GENEROUS * expected_s, case=case)


def check(case: Case, expected_s: float) -> Step:
    """Check the case's outputs again, and trace it on a GPU."""
    return Step("check", FLOOR_S + GENEROUS * expected_s, case=case)
