"""The command line: `python -m bench.studies.static [--publish]`.

Needs no GPU, but what compiles for one: jax-cuda13-plugin and jax-cuda13-pjrt of JAX's own
version, nvidia-cuda-nvcc (ptxas) and nvidia-nvvm of CUDA 13, and Triton for its kernel and for
the cuobjdump in its wheel. `pip install --no-deps` of these four is enough.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from bench.studies.static import by_xla


def main(argv: list[str]) -> int:
    """Compile everything, file the table, and return 1 if one of our kernels is over the limit."""
    parser = argparse.ArgumentParser(prog="python -m bench.studies.static", description=__doc__)
    parser.add_argument(
        "--publish", action="store_true", help="file under results/ instead of results/local/"
    )
    publish = parser.parse_args(argv).publish
    with tempfile.TemporaryDirectory() as dumps:
        by_xla.prepare(Path(dumps))
        try:
            return _study(publish)
        except by_xla.Unavailable as error:
            print(f"bench.studies.static: {error}", file=sys.stderr)
            return 2


def _study(publish: bool) -> int:
    from bench.studies.static import study, write

    by_xla.device_mesh(), by_xla.ptxas()
    for name, reason in study.left_out().items():
        print(f"{name}: {reason}")
    rows = []
    for case in study.cases():
        rows.append(study.row(*case))
        print(*case[:2], study.describe(case[2]), rows[-1].error or "", flush=True)
    print("Tables:", *write.write(rows, publish=publish))
    over = [row for row in rows if row.over_the_limit]
    for row in over:
        what = row.error or "over the limit"
        print(f"{row.kernel} {row.half} at {row.problem}: {what}", file=sys.stderr)
    return 1 if over else 0
