"""The command line: `python -m bench.static [--out DIR]`.

Needs no GPU, but what compiles for one: jax-cuda13-plugin and jax-cuda13-pjrt of JAX's own
version, nvidia-cuda-nvcc (ptxas) and nvidia-nvvm of CUDA 13, and Triton for its kernel and for
the cuobjdump in its wheel. `pip install --no-deps` of these four is enough.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from bench.static import by_xla

OUT = Path("results/nvidia-h200-static")


def main(argv: list[str]) -> int:
    """Compile everything, write the table, and return 1 if one of our own kernels is spoiled."""
    parser = argparse.ArgumentParser(prog="python -m bench.static", description=__doc__)
    parser.add_argument("--out", type=Path, default=OUT, help=f"folder to write (default: {OUT})")
    folder = parser.parse_args(argv).out
    with tempfile.TemporaryDirectory() as dumps:
        by_xla.prepare(Path(dumps))
        try:
            return _study(folder)
        except by_xla.Unavailable as error:
            print(f"bench.static: {error}", file=sys.stderr)
            return 2


def _study(folder: Path) -> int:
    from bench.static import report, study  # they import JAX, which must find the environment set

    by_xla.device_mesh(), by_xla.ptxas()
    rows = []
    for case in study.cases():
        rows.append(study.row(*case))
        print(*case[:2], study.describe(case[2]), rows[-1].error or "", flush=True)
    report.write(rows, folder)
    spoiled = [row for row in rows if row.over_the_limit]
    for row in spoiled:
        print(f"spoiled: {row.kernel} {row.half} at {row.problem}", file=sys.stderr)
    return 1 if spoiled else 0
