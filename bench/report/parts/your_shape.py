"""What was measured nearest to a shape of the reader's own, and which kernel "auto" takes there."""

from collections.abc import Iterator, Mapping, Sequence
from math import exp

import jax.numpy as jnp
import pandas as pd

from bench.cases.case import Case
from bench.cases.dtypes import FORMATS
from bench.judging import precision
from bench.records.run import Run
from bench.report.parts.matrix import times_the_fastest
from bench.report.parts.summary import PROBLEM, fastest_first, winners
from bench.report.section import Finder, Measured, Section, Table
from bench.report.tables import usual
from bench.report.units import digits, plus_minus, seconds
from kernels.contract import Problem
from kernels.names import KERNELS
from kernels.registry import preferred

AXES = {"T": "time steps", "B": "batch", "H": "hidden size"}
COLUMNS = {
    "kernel": ("kernel", str),
    "time": ("time_s", seconds),
    "±": ("half_width", plus_minus),
    "× fastest": ("factor", str),
}
PROSE = """\
The three measured problems nearest to it, by the logarithms of T, B and H: every time is one that
was measured, none is computed for your shape. `auto` is what `kernel="auto"` takes there; the line
of Python calls the fastest of these kernels that this project has."""
CALL = "import kernels; print(kernels.auto({}))"
CALLS = {  # by scope
    "model": "y, last = kernels.rnn(params, x, {})",
    "recurrence": "h, last = kernels.recurrence(pre, w_h, {})",
}


def section(runs: Sequence[Run], rows: pd.DataFrame) -> Section | None:
    """`rows` are the runs' frames, with the suite; None where nothing was timed."""
    plain = rows[rows.structure == ""]  # what one axis of sizes can be near to
    problems = list(_problems({run.suite: run for run in runs}, plain)) if len(plain) else []
    if not problems:
        return None
    by_work = sorted(problems, key=lambda each: each.sizes["T"] * each.sizes["B"] * each.sizes["H"])
    finder = Finder(AXES, _choices(problems), problems, by_work[len(problems) // 2], CALL)
    return Section("Your shape", [PROSE], finder=finder)


def auto(run: Run, part: pd.DataFrame) -> str:
    """What "auto" takes on the run's machine for a problem of it; "" where the run cannot tell.

    Which kernels can run there is read from the run: nothing is asked of the machine at hand.
    """
    case = part.result.iloc[0].case
    w, stored = case.workload, FORMATS[case.dtype]
    dtype, platform = jnp.dtype(stored.storage), run.machine.backend
    problem = Problem(w.T, w.B, w.H, dtype, case.cell, stored.precision, platform)
    statuses = dict(zip(part.kernel, part.status, strict=True))
    *first, last = preferred(problem)
    able = (
        name
        for name in first
        if name not in run.unavailable and statuses.get(name) != "unsupported"
    )
    name = next(able, last)
    return name if name == last or name in statuses else ""


def _problems(runs: Mapping[str, Run], rows: pd.DataFrame) -> Iterator[Measured]:
    differ = bool((rows["on"] != "").any())
    for best in winners(rows).to_dict("records"):
        if best["outcome"] != "none":
            here = (rows[PROBLEM] == [best[name] for name in PROBLEM]).all(axis=1)
            ends = best["best"], best["leaders"]
            yield _problem(runs[best["suite"]], rows[here], *ends, differ=differ)


def _problem(
    run: Run, part: pd.DataFrame, best: str, leaders: Sequence[str], *, differ: bool
) -> Measured:
    """Where numbers of cores or devices `differ` between problems, its own is an option."""
    case = part.result.iloc[0].case
    options = {"cell": case.cell, "scope": case.scope, "pass": case.phase, "dtype": case.dtype}
    options |= {"on": part["on"].iloc[0] or usual(run)} if differ else {}
    results = _results(part, best, leaders)
    return Measured(
        name=case.workload.name,
        suite=run.suite,
        sizes={axis: getattr(case.workload, axis) for axis in "TBIHO"},
        options=options,
        results=Table(results, COLUMNS),
        remark=_remark(auto(run, part), dict(results[["kernel", "factor"]].to_numpy()), leaders),
        call=_call(case, list(results.kernel)),
    )


def _call(case: Case, fastest_first: Sequence[str]) -> str:
    """A line of Python that calls the fastest of the kernels that are ours; "" without one."""
    ours = next((name for name in fastest_first if name in KERNELS), None)
    if ours is None:
        return ""
    precision = FORMATS[case.dtype].precision
    options = {"cell": case.cell, "kernel": ours}
    options |= {} if precision == "full" else {"precision": precision}
    words = ", ".join(f'{name}="{value}"' for name, value in options.items())
    return CALLS[case.scope].format(words)


def _results(part: pd.DataFrame, best: str, leaders: Sequence[str]) -> pd.DataFrame:
    """The kernels that were timed, the fastest first."""
    timed = fastest_first(part)
    fastest = timed.result.iloc[0]
    factors = {best: digits(1.0)}
    for name, result in zip(timed.kernel, timed.result, strict=True):
        ratio = exp(precision.ratio(result, fastest).estimate)
        factors.setdefault(name, times_the_fastest(ratio, name in leaders))
    return timed.assign(factor=timed.kernel.map(factors))


def _remark(name: str, factors: Mapping[str, str], leaders: Sequence[str]) -> str:
    """What "auto" takes, and how good that is, by the factors of all that were timed."""
    if not name:
        return "auto is not known: the run left out a kernel that it may take."
    if name not in factors:
        return f"auto takes {name}, which has no time here."
    if name not in leaders:
        return f"auto takes {name}, which needs {factors[name]} times as long as the fastest."
    if len(factors) == 1:
        return f"auto takes {name}, the only one timed."
    others = ", ".join(other for other in leaders if other != name)
    return f"auto takes {name}, {f'level with {others}' if others else 'the fastest'}."


def _choices(problems: Sequence[Measured]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for problem in problems:
        for name, value in problem.options.items():
            found.setdefault(name, {})[value] = _argument(name, value)
    return found


def _argument(name: str, value: str) -> str:
    """Of `kernels.auto`, which knows neither scope nor pass."""
    if name == "cell":
        return f"cell={value!r}"
    if name != "dtype":
        return ""
    stored = FORMATS[value]
    rounded = "" if stored.precision == "full" else f", precision={stored.precision!r}"
    return f"dtype={stored.storage!r}{rounded}"
