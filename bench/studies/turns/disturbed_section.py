"""The part of a report on turns that others disturbed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from bench.cases.case import BASELINE, Case
from bench.report.kinds import Kind
from bench.report.pages.markup import link, plain
from bench.report.section import Section, Table
from bench.report.units import change, percent
from bench.studies.turns.record import Disturbed, DisturbedVisit

QUIETEST = 0.25  # of a kernel's own turns: its threads wait for each other, too
BEYOND = 0.10  # of a turn's length: what waits longer than the quietest by this is not whole
ENOUGH = 3  # whole turns of a visit, to leave the others out


def section(disturbed: Disturbed, path: Path) -> Section:
    """How far another process moves times and ratios, by all turns and by those left whole."""
    problem = disturbed.visits[0].cases[0]
    what = (
        "Visits alone and beside a process that takes a core for a third of the time, in turns "
        f"({plain(problem.workload.name)}, {problem.scope}, {problem.dtype}): how far the second "
        "are from the first. A turn counts as whole if its threads waited for a core no longer "
        f"than in the quietest {percent(QUIETEST)} of the kernel's turns alone plus "
        f"{percent(BEYOND)} of the turn; `whole turns` leaves the others out where a visit has "
        f"{ENOUGH}. `sd` is the standard deviation of a visit's ratio to {BASELINE}, beside the "
        "other process; the last column says what leaving turns out does to the ratio where "
        "nothing disturbs. "
        f"Samples: {link(path.name, f'disturbed/{path.name}')}."
    )
    columns = {
        "kernel": ("kernel", str),
        "pass": ("pass", str),
        "by": ("by", str),
        "whole, alone": ("whole_alone", percent),
        "whole, beside": ("whole_beside", percent),
        "time moved": ("time", change),
        f"× {BASELINE} moved": ("ratio", change),
        "sd": ("sd", percent),
        "alone, over all turns": ("favour", change),
    }
    return Section("Turns that others disturb", [what], table=Table(_frame(disturbed), columns))


@dataclass(frozen=True)
class _Visits:
    """Of one group, all alone or all beside the other process: logarithms, and what is whole."""

    log_s: Float[np.ndarray, "visits kernels turns"]
    whole: Bool[np.ndarray, "visits kernels turns"]

    def by(self, *, marks: bool) -> "_Visits":
        """The same where marks count, else with every turn whole."""
        return self if marks else _Visits(self.log_s, np.ones_like(self.whole))

    @property
    def times(self) -> Float[np.ndarray, "visits kernels"]:
        """A visit's logarithm of seconds."""
        return _medians(self.log_s, self.whole)

    @property
    def ratios(self) -> Float[np.ndarray, "visits kernels"]:
        """A visit's logarithm of the time over the first kernel's, block by block."""
        return _medians(self.log_s - self.log_s[:, :1], self.whole & self.whole[:, :1])


def _medians(
    values: Float[np.ndarray, "visits kernels turns"],
    use: Bool[np.ndarray, "visits kernels turns"],
) -> Float[np.ndarray, "visits kernels"]:
    """Over turns; over all of them where too few are of use."""
    enough = use.sum(axis=2, keepdims=True) >= ENOUGH
    return np.nanmedian(np.where(use | ~enough, values, np.nan), axis=2)


def _frame(disturbed: Disturbed) -> pd.DataFrame:
    groups: dict[tuple[Case, ...], list[DisturbedVisit]] = {}
    for visit in disturbed.visits:
        groups.setdefault(visit.cases, []).append(visit)
    return pd.DataFrame([row for cases, part in groups.items() for row in _rows(cases, part)])


def _rows(cases: Sequence[Case], visits: Sequence[DisturbedVisit]) -> Iterator[dict[str, object]]:
    alone = _read(visits, beside_another=False)
    beside = _read(visits, beside_another=True)
    for number, case in enumerate(cases):
        for marks in (False, True):
            own = {"kernel": case.kernel, "pass": case.phase}
            row = _row(alone, beside, number, marks)
            yield own | {"by": "whole turns" if marks else "all turns"} | row


def _read(visits: Sequence[DisturbedVisit], *, beside_another: bool) -> _Visits:
    those = [visit for visit in visits if visit.beside_another == beside_another]
    alone = [visit.waited for visit in visits if not visit.beside_another]
    usual = np.quantile(np.array(alone, float), QUIETEST, axis=(0, 2))[None, :, None]
    waited = np.array([visit.waited for visit in those], float)
    log_s = np.log(np.array([visit.turns_s for visit in those], float))
    return _Visits(log_s, waited <= usual + BEYOND)


def _row(alone: _Visits, beside: _Visits, kernel: int, marks: bool) -> dict[str, float]:
    everything, alone, beside = (
        alone.by(marks=False),
        alone.by(marks=marks),
        beside.by(marks=marks),
    )

    def moved(of: np.ndarray, base: np.ndarray) -> float:
        return float(np.median(of[:, kernel]) - np.median(base[:, kernel]))

    return {
        "whole_alone": float(alone.whole[:, kernel].mean()),
        "whole_beside": float(beside.whole[:, kernel].mean()),
        "time": moved(beside.times, alone.times),
        "ratio": moved(beside.ratios, alone.ratios),
        "sd": float(beside.ratios[:, kernel].std(ddof=1)),
        "favour": moved(alone.ratios, everything.ratios),
    }


KIND = Kind("disturbed", Disturbed, section)
