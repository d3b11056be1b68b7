"""`python -m bench export`: raw samples as a table with one row a turn, for other tools.

The columns, in this order:

- `file`, `suite`, `started`, `commit`, `dirty`: the run.
- `machine`, `fingerprint`, `backend`, `jax`: what it ran on.
- `workload`, `T`, `B`, `I`, `H`, `O`, `scope`, `pass`, `dtype`, `activation`, `kernel`, `variant`:
  the case, by the names of the report.
- `visit`, `turn`: counted from 0. Turns of one problem with the same two numbers are beside each
  other: their ratio spares the machine's drift.
- `rounds`: that were timed in the turn, each the mean of as many calls as a clock needs.
- `seconds`: of a call, the tenth percentile of the rounds; `median_s` and `least_s` of them.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

import pandas as pd

from bench.judging.precision import tenth_percentile
from bench.records import store
from bench.records.run import CaseResult, Run
from bench.records.store import ResultError
from bench.report import tables

COLUMNS = (
    *("file", "suite", "started", "commit", "dirty", "machine", "fingerprint", "backend", "jax"),
    *("workload", "T", "B", "I", "H", "O", "scope", "pass", "dtype", "activation", "kernel"),
    *("variant", "visit", "turn", "rounds", "seconds", "median_s", "least_s"),
)
WRITERS = {".csv": "to_csv", ".parquet": "to_parquet"}


def write(out: Path, paths: Sequence[Path]) -> int:
    """The turns of these runs as a file; its name's ending says which kind. Returns the rows.

    Raises ResultError for another ending, a file that exists, or one that is no run.
    """
    if out.suffix not in WRITERS:
        raise ResultError(f"{out}: its name ends in {out.suffix!r}; expected .csv or .parquet")
    if out.exists():
        raise ResultError(f"{out}: is there already; nothing is overwritten")
    found = turns(paths)
    try:
        getattr(found, WRITERS[out.suffix])(out, index=False)
    except ImportError as error:
        raise ResultError(f"{out}: pandas writes it with pyarrow: pip install pyarrow") from error
    return len(found)


def turns(paths: Sequence[Path]) -> pd.DataFrame:
    """One row a turn of every timed case of these runs, with the columns above."""
    rows = [row for path in paths for row in _of_run(path, store.load(path))]
    return pd.DataFrame(rows, columns=COLUMNS)


def _of_run(path: Path, run: Run) -> Iterator[dict[str, object]]:
    origin = {
        "file": str(path),
        "suite": run.suite,
        "started": run.started,
        "commit": run.source.commit,
        "dirty": run.source.dirty,
        "machine": run.machine.name,
        "fingerprint": run.machine.fingerprint,
        "backend": run.machine.backend,
        "jax": run.versions.get("jax"),
    }
    for result in run.cases:
        for turn in _of_case(result):
            yield origin | tables.names(result.case) | {"variant": result.variant} | turn


def _of_case(result: CaseResult) -> Iterator[dict[str, object]]:
    for number, visit in enumerate(result.visits):
        for turn, samples in enumerate(visit.samples_s):
            yield {
                "visit": number,
                "turn": turn,
                "rounds": len(samples),
                "seconds": tenth_percentile(samples),
                "median_s": median(samples),
                "least_s": min(samples),
            }
