"""Who is fastest, where and by how much: computed from the cases of one or more runs."""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from bench.judging import precision
from bench.report.pages.markup import listed, plain
from bench.report.section import Section, Table
from bench.report.tables import BASELINE, CORRECT, GROUP, filled
from bench.report.units import digits, percent, plus_minus, seconds

PROBLEM = ["suite", *GROUP]
# Kernels are counted against each other within one.
FIELD = ["suite", "cell", "pass", "dtype", "on"]
BEST = ["best", "leaders", "outcome", "time_s", "speedup", "lead", "correct"]


def sections(rows: pd.DataFrame) -> list[Section]:
    """In words, by kernel, and by problem. `rows` are frames of runs, with the suite."""
    problems = winners(rows)
    bullets = [*_headlines(problems), _correctness(rows)]
    return [
        Section("Summary", [listed(bullets)]),
        Section("Scores", table=_scores(scoreboard(rows, problems))),
        Section("Who is fastest where", constant_columns(rows, PROBLEM), table=_where(problems)),
    ]


def constant_columns(rows: pd.DataFrame, names: Sequence[str]) -> list[str]:
    """A paragraph saying what these columns hold, of those that hold one value throughout."""
    same = [
        f"{name} {plain(rows[name].iloc[0])}"
        for name in filled(rows, names)
        if rows[name].nunique() == 1
    ]
    return [f"Throughout: {', '.join(same)}."] if same else []


def winners(rows: pd.DataFrame) -> pd.DataFrame:
    """One row a problem, in the order of the rows: PROBLEM and BEST.

    `leaders` are the fastest kernel and all level with it; `outcome` is "won", "tied", "alone"
    (nothing else was timed) or "none"; `lead` is how many times as long the next kernel takes.
    """
    problems = rows.groupby(PROBLEM, sort=False)
    return pd.DataFrame([(*key, *_best(part)) for key, part in problems], columns=PROBLEM + BEST)


def _best(part: pd.DataFrame) -> tuple:
    """BEST of one problem."""
    checked = part[part.status != "unsupported"]
    right = checked.status.isin(CORRECT)
    incorrect = ", ".join(checked.kernel[~right] + " " + checked.status[~right].str.upper())
    correct = f"{right.sum()} of {len(right)}" + (f": {incorrect}" if incorrect else "")
    timed = fastest_first(part)
    if timed.empty:
        return ("", (), "none", np.nan, np.nan, np.nan, correct)
    best = timed.iloc[0]
    level = np.array([precision.is_level(each, best.result) for each in timed.result])
    outcome = "tied" if level.sum() > 1 else "won" if len(timed) > 1 else "alone"
    behind = (precision.ratio(each, best.result).estimate for each in timed.result[~level])
    lead = np.exp(min(behind, default=np.nan))
    leaders = tuple(timed.kernel[level])
    return (best.kernel, leaders, outcome, best.time_s, best.speedup, lead, correct)


def fastest_first(part: pd.DataFrame) -> pd.DataFrame:
    """The timed rows of one problem by their times, unless turns beside each other say otherwise.

    First comes the one of the least time or, if some are faster beside it, the fastest of those.
    """
    timed = part[part.time_s.notna()].sort_values("time_s", kind="stable")
    ratios = [
        precision.ratio(each, timed.result.iloc[0], precision.LEVEL_ERROR) for each in timed.result
    ]
    ahead = [ratio.estimate if ratio.high < 0 else 0.0 for ratio in ratios]
    return timed.iloc[np.argsort(ahead, kind="stable")]


def scoreboard(rows: pd.DataFrame, problems: pd.DataFrame) -> pd.DataFrame:
    """One row a kernel in each field: problems won, tied and timed, speed-ups, correct answers."""
    known = problems[[*PROBLEM, "leaders", "outcome"]]
    each = rows.merge(known, on=PROBLEM)
    leads = np.array([kernel in ahead for kernel, ahead in each[["kernel", "leaders"]].to_numpy()])
    each["won"], each["tied"] = (leads & (each.outcome == which) for which in ("won", "tied"))
    each["right"], each["checked"] = each.status.isin(CORRECT), each.status != "unsupported"
    each["share"] = each.error / each.tolerance
    scores = each.groupby([*FIELD, "kernel"], sort=False, as_index=False).agg(
        won=("won", "sum"),
        tied=("tied", "sum"),
        timed=("time_s", "count"),
        least=("speedup", "min"),
        most=("speedup", "max"),
        right=("right", "sum"),
        checked=("checked", "sum"),
        share=("share", "max"),
    )
    scores = scores.merge(_means(each), on=[*FIELD, "kernel"])
    scores["correct"] = scores.right.astype(str) + " of " + scores.checked.astype(str)
    scores["field"] = scores.groupby(FIELD, sort=False).ngroup()
    best_first = ["field", "won", "tied", "mean"]
    return scores.sort_values(best_first, ascending=[True, False, False, False], kind="stable")


def _means(each: pd.DataFrame) -> pd.DataFrame:
    """Of every kernel in each field: the geometric mean of its speed-ups, and its interval."""
    fields = each.groupby([*FIELD, "kernel"], sort=False)
    names = [*FIELD, "kernel", "mean", "mean_low", "mean_high", "mean_half_width"]
    return pd.DataFrame([(*key, *_mean(part)) for key, part in fields], columns=names)


def _mean(part: pd.DataFrame) -> tuple[float, float, float, float]:
    known = part[part.baseline.notna()]
    interval = precision.mean_ratio(zip(known.baseline, known.result, strict=True))
    is_itself = known.empty or known.kernel.iloc[0] == BASELINE
    half_width = np.nan if is_itself else precision.half_width(interval)
    return np.exp(interval.estimate), *precision.ends(interval), half_width


def _scores(scores: pd.DataFrame) -> Table:
    columns = {
        "kernel": ("kernel", str),
        **_varying_columns(scores, FIELD),
        "won": ("won", str),
        "tied": ("tied", str),
        "timed": ("timed", str),
        f"× {BASELINE}, mean": ("mean", digits),
        "±": ("mean_half_width", plus_minus),
        "least": ("least", digits),
        "most": ("most", digits),
        "correct": ("correct", str),
        "error / allowed": ("share", percent),
    }
    main = ["kernel", *FIELD, "won", "tied", "timed", f"× {BASELINE}, mean", "±"]
    return Table(scores, columns, main=main)


def _where(problems: pd.DataFrame) -> Table:
    columns = {
        **_varying_columns(problems, [*GROUP, "suite"]),
        "fastest": ("fastest", str),
        "time": ("time_s", seconds),
        f"× {BASELINE}": ("speedup", digits),
        "× next": ("lead", digits),
        "correct": ("correct", str),
    }
    fastest = [_in_words(*pair) for pair in zip(problems.leaders, problems.outcome, strict=True)]
    return Table(problems.assign(fastest=fastest), columns)


def _in_words(leaders: Sequence[str], outcome: str) -> str:
    remark = {"tied": " (tie)", "alone": " (alone)", "none": "nothing timed"}.get(outcome, "")
    return ", ".join(leaders) + remark


def _varying_columns(rows: pd.DataFrame, names: Sequence[str]) -> dict[str, tuple[str, type[str]]]:
    """Columns for those of the names that differ."""
    return {name: (name, str) for name in names if rows[name].nunique() > 1}


def _headlines(problems: pd.DataFrame) -> Iterator[str]:
    """A sentence or two on every field."""
    named = [name for name in FIELD if name in ("cell", "pass") or problems[name].nunique() > 1]
    for field, part in problems.groupby(named, sort=False):
        yield f"**{plain(', '.join(filter(None, field)))}**: {_score(part)} {_gain(part)}".rstrip()


def _score(part: pd.DataFrame) -> str:
    """Who won how often."""
    won = Counter(part.best[part.outcome == "won"]).most_common()
    wins = [f"{plain(kernel)} is fastest in {count}" for kernel, count in won]
    others = {
        "tied": "the leaders tie in {}",
        "alone": "only one kernel was timed in {}",
        "none": "nothing was timed in {}",
    }
    counts = Counter(part.outcome)
    rest = [words.format(counts[which]) for which, words in others.items() if which in counts]
    return f"of {len(part)} problems, {', '.join(wins + rest)}."


def _gain(part: pd.DataFrame) -> str:
    """The largest speed-up that is more than noise; "" where the baseline was not timed."""
    if part.speedup.isna().all():
        return ""
    level = [BASELINE in leaders for leaders in part.leaders]
    ahead = part[part.speedup.notna() & ~np.array(level, bool)]
    if ahead.empty:
        return f"Nothing is faster than {BASELINE} by more than the noise."
    most = ahead.loc[ahead.speedup.idxmax()]
    where = plain(f"{most.workload}, {most.scope}")
    gain = f"{digits(most.speedup)} times as fast as {BASELINE}"
    return f"The largest gain: {plain(most.best)}, {gain} ({where})."


def _correctness(rows: pd.DataFrame) -> str:
    checked = rows[rows.status != "unsupported"]
    incorrect = checked[~checked.status.isin(CORRECT)]
    if checked.empty:
        return "**correct**: nothing could be checked."
    if incorrect.empty:
        worst = percent((rows.error / rows.tolerance).max())
        return (
            f"**correct**: all {len(checked)} answers; no error is over {worst} of its tolerance."
        )
    named = incorrect.status.str.upper() + " " + incorrect.kernel + " (" + incorrect.workload + ", "
    named += incorrect.scope + ", " + incorrect.cell + ", " + incorrect["pass"] + ", "
    named += incorrect.dtype + ")"
    count = f"{len(incorrect)} of {len(checked)}"
    return f"**{count} answers are not correct**: {plain('; '.join(named))}."
