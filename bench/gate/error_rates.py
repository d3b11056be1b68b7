"""How often which verdict was given, for every size of a slow-down: table, figure, promises."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import nan
from statistics import median

import pandas as pd
from matplotlib.figure import Figure

from bench.gate.looks import Row
from bench.judging.proportions import CONFIDENCE, bounds
from bench.judging.verdicts import Verdict
from bench.report.figures.svg import svg
from bench.report.section import Table
from bench.report.units import change, percent

FALSE_ALARMS = 0.01  # at most, of equals
FOUND = 0.95  # at least, of slow-downs by
PROMISED = 0.10


@dataclass(frozen=True)
class Rate:
    """The verdicts on comparisons whose head had this share of extra work."""

    extra: float
    verdicts: dict[str, int]
    measured: float  # the median estimate of log(head / base)

    @property
    def total(self) -> int:
        """Comparisons."""
        return sum(self.verdicts.values())

    def share(self, verdict: Verdict) -> float:
        """Of the comparisons."""
        return self.verdicts.get(verdict, 0) / self.total

    def bounds(self, verdict: Verdict) -> tuple[float, float]:
        """Its exact confidence interval, were all independent."""
        return bounds(self.verdicts.get(verdict, 0), self.total)


@dataclass(frozen=True)
class Promise:
    """One of the gate's targets, in words, and whether these rates keep it."""

    kept: bool
    sentence: str


def rates(rows: Iterable[Row]) -> list[Rate]:
    """One for every size, the equals first. What is not timed here was not compared."""
    sizes: dict[float, list[Row]] = {}
    for row in rows:
        if row.outcome != "UNTIMED":
            sizes.setdefault(row.item.extra, []).append(row)
    return [_rate(extra, sizes[extra]) for extra in sorted(sizes)]


def _rate(extra: float, rows: Sequence[Row]) -> Rate:
    estimates = [row.interval.estimate for row in rows if row.interval]
    outcomes = Counter(str(row.outcome) for row in rows)
    return Rate(extra, dict(outcomes), median(estimates or [nan]))


def promises(rates: Sequence[Rate]) -> list[Promise]:
    """At most so many false alarms, at least so many found. What was not tried is not kept."""
    by_size = {rate.extra: rate for rate in rates}
    targets = (
        (0.0, f"at most {FALSE_ALARMS:.0%} of equals", lambda share: share <= FALSE_ALARMS),
        (PROMISED, f"at least {FOUND:.0%} of +{PROMISED:.0%}", lambda share: share >= FOUND),
    )
    return [_promise(by_size.get(extra), words, holds) for extra, words, holds in targets]


def table(rates: Sequence[Rate]) -> Table:
    """One line a size: the counts of outcomes, and the share called SLOWER with its interval."""
    others = sorted({outcome for rate in rates for outcome in rate.verdicts} - set(Verdict))
    outcomes = [*map(str, Verdict), *others]
    columns = {name: (name, str) for name in ("planted", "comparisons", *outcomes)}
    columns |= {
        "measured": ("measured", change),
        "called SLOWER": ("share", percent),
        f"{CONFIDENCE:.0%} interval": ("bounds", str),
    }
    rows = [_row(rate, outcomes) for rate in rates]
    return Table(pd.DataFrame(rows, columns=[name for name, _ in columns.values()]), columns)


def _row(rate: Rate, outcomes: Sequence[str]) -> dict[str, object]:
    return {
        "planted": percent(rate.extra),
        "comparisons": rate.total,
        **{outcome: rate.verdicts.get(outcome, 0) for outcome in outcomes},
        "measured": rate.measured,
        "share": rate.share(Verdict.SLOWER),
        "bounds": _range(rate),
    }


def _range(rate: Rate) -> str:
    """Where the share called SLOWER lies."""
    low, high = rate.bounds(Verdict.SLOWER)
    return f"{percent(low)} to {percent(high)}"


def figure(rates: Sequence[Rate]) -> str:
    """The share of each verdict against the size of the slow-down, as SVG."""
    drawing = Figure(figsize=(6, 3.6), layout="constrained")
    ax = drawing.subplots()
    sizes = [100 * rate.extra for rate in rates]
    for verdict in Verdict:
        shares = [100 * rate.share(verdict) for rate in rates]
        ends = [[100 * end for end in rate.bounds(verdict)] for rate in rates]
        below = [share - low for share, (low, _) in zip(shares, ends, strict=True)]
        above = [high - share for share, (_, high) in zip(shares, ends, strict=True)]
        ax.errorbar(sizes, shares, [below, above], marker="o", capsize=3, label=verdict)
    ax.set(xlabel="extra work planted, %", ylabel="comparisons given the verdict, %")
    ax.grid(alpha=0.2)
    drawing.legend(loc="outside upper center", ncols=len(Verdict), fontsize="small")
    return svg(drawing)


def _promise(rate: Rate | None, words: str, holds: Callable[[float], bool]) -> Promise:
    if rate is None:
        return Promise(False, f"{words} called SLOWER: not tried")
    slower = rate.verdicts.get(Verdict.SLOWER, 0)
    kept = holds(rate.share(Verdict.SLOWER))
    counts = f"{slower} of {rate.total} ({_range(rate)}), {'kept' if kept else 'MISSED'}"
    return Promise(kept, f"{words} called SLOWER: {counts}")
