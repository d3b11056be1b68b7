"""Markdown that several parts of a report share."""

import pandas as pd

from bench.results import Origin
from bench.tables import GROUP
from bench.units import digits, mebibytes

LEFT = {*GROUP, "kernel", "fastest", "verdict"}  # columns of words


def table(cells: pd.DataFrame) -> str:
    """The cells as written, text to the left and numbers to the right."""
    alignment = ["left" if head in LEFT else "right" for head in cells.columns]
    return cells.to_markdown(index=False, disable_numparse=True, colalign=alignment)


def provenance(origin: Origin, samples: str) -> str:
    """Command, date, revision, machine, versions; `samples` is the file's path from the report."""
    machine, source = origin.machine, origin.source
    changed = " with local changes" if source.dirty else ""
    commit = f"commit `{source.commit or 'unknown'}`{changed}"
    host = f"{machine.cpu}, {machine.cores} cores, {mebibytes(machine.memory_bytes)} MiB"
    load = f"load at the start {digits(machine.load_average or 0.0)}"
    gpu = [f"driver {machine.driver}, clocks {machine.clocks}"] if machine.driver else []
    versions = ", ".join(f"{name} {version}" for name, version in origin.versions.items())
    flags = f"; XLA_FLAGS `{machine.xla_flags}`" if machine.xla_flags else ""
    lines = (
        f"`{origin.command}`, {origin.started[:10]}, {commit}, [samples]({samples}).",
        f"{'; '.join([host, machine.os, *gpu, load])}.",
        f"{versions}{flags}.",
    )
    return "  \n".join(lines)
