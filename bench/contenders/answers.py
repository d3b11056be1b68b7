"""Answers that an earlier process of the same run has held against the oracle.

A run's processes compile and call the same programs, and the oracle may take a hundred times as
long as a call: an answer that is equal, bit for bit, deviates as much.
"""

import json
import os
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from bench.cases.case import Case
from bench.records.store import write_atomically

FOLDER = "BENCH_ANSWERS"  # the environment variable that names a run's folder for them


def known(case: Case) -> dict[str, float]:
    """Digests of answers, and how far each deviates; empty outside a run."""
    path = _path(case)
    return json.loads(path.read_text()) if path and path.exists() else {}


def keep(case: Case, errors: Mapping[str, float]) -> None:
    """For the run's next process."""
    if path := _path(case):
        write_atomically(path, json.dumps(errors))


def _path(case: Case) -> Path | None:
    folder = os.environ.get(FOLDER)
    return Path(folder, f"{sha256(repr(case).encode()).hexdigest()}.json") if folder else None
