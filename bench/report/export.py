"""`python -m bench export`: measurements as a table for other tools, a row a turn or a sample.

The columns, in this order:

- `file`, `suite`, `started`, `commit`, `dirty`: the run.
- `machine`, `fingerprint`, `backend`, `jax`: what it ran on.
- `workload`, `T`, `B`, `I`, `H`, `O`, `layers`, `directions`, `lengths`, `padding` (a share),
  `scope`, `pass`, `dtype`, `cell`, `on`, `kernel`, `variant`: the case, by the names of the
  report.
- `visit`, `turn`: counted from 0. Turns of one problem with the same two numbers are beside each
  other: their ratio spares the machine's drift.
- `rounds`: that were timed in the turn, each the mean of as many calls as a clock needs.
- `seconds`: of a call, the tenth percentile of the rounds; `median_s` and `least_s` of them.

With a row a sample, the last columns are

- `round`, counted from 0, and its `seconds` a call.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median

import pandas as pd

from bench.judging.precision import tenth_percentile
from bench.records import store
from bench.records.run import CaseResult, Run
from bench.records.store import ResultError
from bench.report import tables

PLACE = (
    *("file", "suite", "started", "commit", "dirty", "machine", "fingerprint", "backend", "jax"),
    *("workload", "T", "B", "I", "H", "O", "layers", "directions", "lengths", "padding"),
    *("scope", "pass", "dtype", "cell", "on", "kernel"),
    *("variant", "visit", "turn"),
)
OF_A_TURN = ("rounds", "seconds", "median_s", "least_s")
OF_A_SAMPLE = ("round", "seconds")
Row = dict[str, object]
OfATurn = Callable[[Sequence[float]], Iterator[Row]]
WRITERS = {".csv": "to_csv", ".parquet": "to_parquet"}


def write(out: Path, paths: Sequence[Path], *, samples: bool = False) -> int:
    """The rows of these runs as a file; its name's ending says which kind. Returns how many.

    Raises ResultError for another ending, a file that exists, or one that is no run.
    """
    if out.suffix not in WRITERS:
        raise ResultError(f"{out}: its name ends in {out.suffix!r}; expected .csv or .parquet")
    if out.exists():
        raise ResultError(f"{out}: is there already; nothing is overwritten")
    found = rows(paths, samples=samples)
    try:
        getattr(found, WRITERS[out.suffix])(out, index=False)
    except ImportError as error:
        raise ResultError(f"{out}: pandas writes it with pyarrow: pip install pyarrow") from error
    return len(found)


def rows(paths: Sequence[Path], *, samples: bool = False) -> pd.DataFrame:
    """One row a turn, or a sample, of every timed case of these runs, with the columns above.

    Raises ResultError for a file that is no run.
    """
    of_a_turn = _samples if samples else _summary
    found = [row for path in paths for row in _of_run(path, store.load(path), of_a_turn)]
    return pd.DataFrame(found, columns=PLACE + (OF_A_SAMPLE if samples else OF_A_TURN))


def _of_run(path: Path, run: Run, of_a_turn: OfATurn) -> Iterator[Row]:
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
        case = origin | tables.names(result.case) | {"variant": result.variant}
        for place, samples in _turns(result):
            for row in of_a_turn(samples):
                yield case | place | row


def _turns(result: CaseResult) -> Iterator[tuple[Row, Sequence[float]]]:
    for number, visit in enumerate(result.visits):
        for turn, samples in enumerate(visit.samples_s):
            yield {"visit": number, "turn": turn}, samples


def _summary(samples: Sequence[float]) -> Iterator[Row]:
    yield {
        "rounds": len(samples),
        "seconds": tenth_percentile(samples),
        "median_s": median(samples),
        "least_s": min(samples),
    }


def _samples(samples: Sequence[float]) -> Iterator[Row]:
    for number, seconds in enumerate(samples):
        yield {"round": number, "seconds": seconds}
