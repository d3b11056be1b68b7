"""What DeepBench publishes of the same shapes, beside ours: times of other, older hardware."""

from importlib.resources import files

import pandas as pd

from bench.report.parts.summary import PROBLEM
from bench.report.section import Section, Table
from bench.report.units import seconds

TIMES = files(__package__) / "deepbench.csv"
MATH = {"float32": "FP32", "float16": "mixed", "bfloat16": "mixed"}  # of a dtype here
SHAPE = ["cell", "H", "B", "T", "pass", "math"]
PROSE = """\
Published, other hardware: what [DeepBench](https://github.com/baidu-research/DeepBench) reports of
cuDNN and MIOpen for the shapes that were measured here. It skips the product with the input, so the
scope is the recurrence. This says where the machine stands, not which kernel is the better one.
Training is the sum of DeepBench's forward time and both parts of its backward time, where a sheet
has them; beside 16-bit dtypes stand its times with float16 inputs. File, sheet and row of every
number: bench/report/parts/deepbench.csv."""


def section(rows: pd.DataFrame) -> Section | None:
    """`rows` are the runs' frames, with the suite; None where no shape is one of DeepBench's."""
    found = beside(rows)
    if found.empty:
        return None
    names = [name for name in ("suite", "dtype") if found[name].nunique() > 1]
    columns = {name: (name, str) for name in ("cell", "H", "B", "T", "pass", *names)}
    columns |= {"fastest here": ("kernel", str), "time here": ("time_s", seconds)}
    gpus = [gpu for gpu in times().columns if found[gpu].notna().any()]
    columns |= {gpu: (gpu, seconds) for gpu in gpus}
    return Section("DeepBench on other hardware", [PROSE], table=Table(found, columns))


def beside(rows: pd.DataFrame) -> pd.DataFrame:
    """The fastest case of each such problem, with a column for every GPU: seconds, or NaN."""
    timed = rows[rows.time_s.notna() & (rows.scope == "recurrence")]
    fastest = timed.sort_values("time_s", kind="stable").drop_duplicates(PROBLEM).sort_index()
    return fastest.assign(math=fastest["dtype"].map(MATH)).merge(
        times(), left_on=SHAPE, right_index=True
    )


def times() -> pd.DataFrame:
    """Seconds by shape and pass, a column a GPU."""
    with TIMES.open(encoding="utf-8") as file:
        read = pd.read_csv(file, comment="#")
    training = read.forward_ms + read.inputs_ms + read.weights_ms
    passes = {"forward": read.forward_ms, "train": training}
    every = pd.concat([read.assign(**{"pass": name, "s": ms / 1e3}) for name, ms in passes.items()])
    order = list(read.gpu.unique())
    return every.pivot(index=SHAPE, columns="gpu", values="s")[order]
