"""The parts of a step in a machine's report."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from bench.cases.cost import cost
from bench.report.kinds import Kind
from bench.report.pages.markup import link, plain
from bench.report.section import Section, Table
from bench.report.units import digits, percent, seconds
from bench.studies.parts.measuring import CellParts, Parts

COLUMNS = {
    "pass": ("pass", str),
    "cell": ("cell", str),
    "median": ("median_s", seconds),
    "GFLOP/s": ("gflops", digits),
    "of peak": ("share", percent),
    "its products": ("products", percent),
    "its functions": ("functions", percent),
    "keeping states": ("keeping", percent),
}


def section(parts: Parts, path: Path) -> Section:
    """What functions and kept states add to the products; `path` is the file."""
    w = parts.workload
    what = (
        f"Both passes of the native kernel at T {w.T}, B {w.B}, I {w.I}, H {w.H}, O {w.O} in "
        f"float32, {parts.threads} threads, compiled for {plain(parts.target)}. `of peak` is the "
        "share of the most that multiply-adds in registers reached in any round; `its products` "
        "the share of a pass's time that the same products take alone, nothing between them. Each "
        "pass was timed once more with sums in place of the cell's functions, and the forward pass "
        "once more keeping what the gradient reads: the last two columns say how much longer it "
        "takes for that. Samples: "
        f"{link(path.name, f'parts/{path.name}')}."
    )
    rows = pd.DataFrame([row for each in parts.cells for row in _rows(parts, each)])
    rows = rows.sort_values("pass", ascending=False, kind="stable")
    return Section("Where the native kernel's time goes", [what], table=Table(rows, COLUMNS))


def _rows(parts: Parts, each: CellParts) -> Iterator[dict[str, object]]:
    forward, backward = each.seconds("forward"), each.seconds("backward")
    keeping = each.seconds("forward, keeping states") / forward - 1
    for name, taken, kept in (
        ("forward", forward, keeping),
        ("backward", backward, float("nan")),
    ):
        flops = cost(parts.workload, each.cell, "model", name, 4).flops
        yield {
            "pass": name,
            "cell": each.cell,
            "median_s": taken,
            "gflops": flops / taken / 1e9,
            "share": flops / taken / parts.peak_flops,
            "products": each.seconds(f"{name}, products alone") / taken,
            "functions": taken / each.seconds(f"{name}, sums for functions") - 1,
            "keeping": kept,
        }


KIND = Kind("parts", Parts, section)
