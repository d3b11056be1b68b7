"""The study's two files: `static.json`, and the table made from it."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from bench.records.store import root, write_atomically
from bench.studies.static import cubin
from bench.studies.static.study import Row
from bench.timing import host

SCHEMA = 1
FOLDER = "nvidia-h200-static"
TARGET = "NVIDIA H200 (sm_90a), described in bench/studies/static/h200.txtpb; no device was present"
COLUMNS = (
    "kernel", "half", "problem", "registers", "spill B", "shared B", "matrix", "barriers",
    "launches", "a step", "compile s",
)  # fmt: skip
NOTES = """
Registers, spills and shared memory are the largest of any function, instructions the sum over
all functions, as they stand in the code: a loop's once. Launches are kernels and copies a call,
a loop's as often as it runs; `a step` divides them by T. HGMMA is wgmma, HMMA mma.sync. The
forward half is the one that a gradient needs, which keeps what the backward half reads.
"""


def write(rows: Sequence[Row], *, publish: bool) -> tuple[Path, Path]:
    """Replace both files, under results/ or results/local/; return their paths."""
    source = host.source()
    record = {
        "schema": SCHEMA,
        "target": TARGET,
        "versions": host.versions(),
        "source": asdict(source),
        "shared_limit_bytes": cubin.SHARED_LIMIT,
        "rows": [asdict(row) for row in rows],
    }
    folder = root(publish=publish) / FOLDER
    paths = folder / "static.json", folder / "static.md"
    write_atomically(paths[0], json.dumps(record, indent=1) + "\n")
    write_atomically(paths[1], _markdown(record, rows))
    return paths


def _markdown(record: dict, rows: Sequence[Row]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
    commit = (record["source"]["commit"] or "unknown")[:12]
    dirty = " with uncommitted changes" if record["source"]["dirty"] else ""
    lines = ["# What the kernels compile to", "", f"Target: {TARGET}.", ""]
    lines += [f"Commit {commit}{dirty}; {versions}.", ""]
    lines += [*_table(rows), NOTES.rstrip()]
    return "\n".join(lines) + "\n"


def _table(rows: Sequence[Row]) -> list[str]:
    rules = ["---"] * 3 + ["---:"] * 3 + ["---"] * 2 + ["---:"] * 3
    return [_line(COLUMNS), _line(rules), *map(_line, map(_cells, rows))]


def _line(cells: Sequence[object]) -> str:
    return "| " + " | ".join(map(str, cells)) + " |"


def _cells(row: Row) -> list[object]:
    names = [row.kernel, row.half, row.problem]
    if row.error:
        return [*names, row.error.replace("|", "/"), *[""] * 7]
    return [
        *names,
        row.registers,
        row.spill_bytes,
        row.shared_bytes,
        _listed(row.sass, cubin.MATRIX),
        _listed(row.sass, cubin.BARRIERS),
        row.launches,
        f"{row.launches_per_step:.2f}",
        f"{row.compile_s:.1f}",
    ]


def _listed(sass: dict[str, int], opcodes: Sequence[str]) -> str:
    return ", ".join(f"{sass[opcode]} {opcode}" for opcode in opcodes if opcode in sass)
