"""What a peer is: a kernel's predicates, and a function that makes a case runnable."""

from collections.abc import Callable
from dataclasses import dataclass

from bench.plan import Case
from bench.subject import Subject


@dataclass(frozen=True)
class Peer:
    """Another library's RNN. Predicates answer None, or a reason in words."""

    unavailable: Callable[[str], str | None]  # on this platform
    unsupported: Callable[[Case], str | None]
    prepare: Callable[[Case], Subject]
    versions: Callable[[], dict[str, str]]
