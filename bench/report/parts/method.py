"""How the numbers came about, and what every column says."""

import pandas as pd

from bench.judging.precision import (
    BLOCKS,
    CONFIDENCE,
    LEVEL_ERROR,
    OTHERS,
    PRECISE,
    UNSTABLE,
)
from bench.records.run import FEWEST_VISITS
from bench.report.section import Section, Table
from bench.report.tables import BASELINE

METHOD = f"""\
Every kernel's answer is held against a float64 oracle before it is timed and again after: outside
the tolerance that rounding explains a case is WRONG, and gets no time. A time is the wall clock of
one call that waits for its result. A run visits every problem at least {FEWEST_VISITS} times, each
visit a process of its own, because a process, and a stretch of seconds, has a speed of its own for
each program: samples within a visit know little more than one, so intervals are those of the
signed-rank test over visits. A visit compiles, calls each kernel until it is steady and gives each
up to {BLOCKS} turns of 25 ms (a call, if that takes longer), block by block in alternating order,
and after three visits half to twice as many, by how far a problem's visits lie apart; it is known
by the median of its turns, and a turn by the tenth percentile of its calls, because
what disturbs a call only ever adds to it. Ratios are those of turns beside each other, and
{BASELINE} is the same way to write it in every run with the same libraries: the simplest of those
that a first run found about as fast as any. On a CPU a
turn begins when multiply-adds on all threads run about as fast as they have been seen to, or after
half a second. Visits go on where a ratio is not known to ±{PRECISE:.0%}, as long as there is time.
Two kernels are level, and tie, unless the {1 - LEVEL_ERROR:.0%} interval of their ratio is all on
one side of 1. All that is printed and drawn here is computed from the raw samples, in the files
beside this report."""

MEANINGS = {
    "scope": "recurrence: from given pre-activations; model: with both projections",
    "cell": "relu and tanh: the Elman network; gru, its reset gate after the product; lstm",
    "pass": "forward; backward; train: a loss's value and its gradient",
    "dtype": "of inputs, states and outputs; tf32 is float32 with products rounded to 11 bits",
    "won": "problems in which the kernel is fastest, and no other level with it",
    "tied": "problems in which it is level with the fastest, or is it and others are level",
    "timed": "problems in which it was timed",
    "mean, least, most": f"of × {BASELINE}, the mean geometric",
    "correct": "answers within their tolerance, of those checked",
    "error / allowed": "the largest share of its tolerance that an error takes",
    "× next": "time of the next kernel that is not level, over the fastest's",
    "time": "seconds a call: the centre (Hodges-Lehmann) of what it took in each visit",
    "p20, p80": "of the seconds a call, over all samples of all visits",
    "±, ± of ×": f"half the {CONFIDENCE:.0%} interval of the time, and of the ratio, over visits; "
    "? where there are fewer than six",
    f"× {BASELINE}": f"time of {BASELINE} over the kernel's own, from turns beside each other: "
    "above 1 is faster",
    "check": f"ok; unstable: known to no better than ±{UNSTABLE:.0%}, or others took more "
    f"than {OTHERS:.0%} of the cores, or a GPU was throttled; IMPOSSIBLE: above a ceiling; "
    "WRONG; FAILED: it raised; emulated: correct, but its speed would mean nothing; unsupported: "
    "does not run here",
    "GFLOP/s": "the arithmetic that the problem needs, not what a kernel spends, over the time",
    "ceiling, nearest": "the time that the nearest ceiling allows at best, over the time",
    "per step": "the time over T",
    "fixed, a step": "of the line through the times at three T or more: at T 0, and its slope",
    "largest misfit": "of a time from that line: where it is large, time is no straight line",
    "spread": "of a ceiling: its best round over the middle one, less 1: how sure it is",
    "span, busy, launches": "of one traced call on a GPU: from the first start to the last end, "
    "time with anything running, kernels and copies",
    "compile": "lowering and compiling, once",
    "temp MiB": "allocated by the compiled program besides arguments and results",
    "error": "the largest deviation from the oracle, relative to the largest value (of states and "
    "outputs, to 1 at least)",
    "allowed": "what rounding explains; derived in bench/cases/tolerance.py",
    "variant": f"which {BASELINE} was taken, the simplest that is about as fast as any: with the "
    "input projection hoisted out of its loop or not, and with 1 to 16 steps to each trip",
}


def method() -> Section:
    """The method, in short."""
    return Section("Method", [METHOD])


def columns() -> Section:
    """What the headings of all tables mean."""
    rows = pd.DataFrame(MEANINGS.items(), columns=["column", "meaning"])
    return Section("Columns", table=Table(rows, {name: (name, str) for name in rows.columns}))
