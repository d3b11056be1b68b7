"""What the gate leaves behind: a file for every comparison, and for every test of itself."""

from dataclasses import dataclass

from bench.gate.looks import Row
from bench.records.run import Origin


@dataclass(frozen=True, kw_only=True)
class Regression(Origin):
    """The working tree, of which `source` tells, against a revision."""

    base: str  # commit
    seconds: float
    complete: bool  # False: cut short, and the verdicts are those of the last look
    rows: tuple[Row, ...]


@dataclass(frozen=True, kw_only=True)
class SelfTest(Origin):
    """The working tree against itself, and against itself with extra work planted."""

    seconds: float
    complete: bool
    trials: tuple[tuple[Row, ...], ...]

    @property
    def whole(self) -> bool:
        return self.complete and super().whole
