"""Orthogonal matrices, each made once a run: at H 4096 one takes ten seconds.

A run has many processes, and all of them draw the same numbers.
"""

import os
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from jaxtyping import Float

FOLDER = "BENCH_MATRICES"  # the environment variable that names a run's folder for them
FEWEST_ROWS = 512  # of a matrix that is kept: a smaller one takes milliseconds


def orthogonal(drawn: Float[np.ndarray, "H H"]) -> Float[np.ndarray, "H H"]:
    """The Q of the QR decomposition of a matrix drawn at random."""
    path = _path(drawn)
    if path and path.exists():
        return np.load(path)
    made = np.linalg.qr(drawn).Q
    if path:
        _keep(made, path)
    return made


def _path(drawn: Float[np.ndarray, "H H"]) -> Path | None:
    folder = os.environ.get(FOLDER)
    if not folder or len(drawn) < FEWEST_ROWS:
        return None
    return Path(folder, f"{sha256(drawn.tobytes()).hexdigest()}.npy")


def _keep(made: Float[np.ndarray, "H H"], path: Path) -> None:
    """Written beside its place, then moved: another process finds all of it or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=path.parent) as folder:
        np.save(unfinished := Path(folder, path.name), made)
        unfinished.replace(path)
