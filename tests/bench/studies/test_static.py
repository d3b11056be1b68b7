"""The static study's own logic; what it studies is compiled in test_triton.py and by running it."""

import json
from pathlib import Path

import jax
import pytest

from bench.studies.static import by_xla, cli, study, thunks, write
from bench.studies.static.study import Row

SEQUENCE = """\
001: kCopy         [source | next=002 (1)] kCopy
002: kWhile        [prev=001 (1) | next=008 (1)]
condition:
    003: kCustomKernel [source | sink] compare grid: [1, 1, 1] threads: [1, 1, 1]  shared_memory: 0 bytes
  body:
    004: kCustomKernel [source | next=005 (1)] gemm grid: [8, 1, 1] threads: [64, 1, 1]  shared_memory: 768 bytes
    005: kAsyncStart   [prev=004 (1) | sink] stream=s, async_id=8
        006: kCopy [source | sink] kCopy
    007: kAsyncDone    [source | sink] async_id=8
008: kCustomKernel [prev=002 (1) | sink] last grid: [1, 1, 1] threads: [64, 1, 1]  shared_memory: 16 bytes
"""  # noqa: E501
LOOP = 'while(%tuple), backend_config={"known_trip_count":{"n":"100"}}'
GATED = ("gru", "lstm")
LOCAL = "results/local/nvidia-h200-static"
GOOD = Row("triton", "forward", "H 64", 1, 90, 0, 1000, {"HGMMA": 8, "BAR": 4}, 1, 0.01, 0.5)


def test_launches_of_a_loop_count_as_often_as_it_runs():
    """One copy and one kernel outside, one kernel and one copy inside; the condition is known."""
    launches = thunks.read(SEQUENCE, LOOP)
    assert launches.count == 2 + 100 * 2
    assert launches.shared_bytes == {"compare": 0, "gemm": 768, "last": 16}


@pytest.mark.parametrize("hlo", ["while(%tuple)", LOOP + LOOP.replace("100", "7")])
def test_loops_that_are_not_over_time_are_refused(hlo):
    with pytest.raises(ValueError, match="one known trip count"):
        thunks.read(SEQUENCE, hlo)


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)


def test_every_kernel_for_gpus_is_compiled_and_no_other(monkeypatch):
    """Whatever this machine has, as `prepare` hides its GPU."""
    monkeypatch.setattr(jax, "devices", lambda: jax.local_devices(backend="cpu"))
    names = {name for name, *_ in study.cases()}
    assert names == {*study.BY_XLA, "pallas", "mosaic", "triton"}
    gated = {(name, problem.cell) for name, _, problem in study.cases() if problem.cell in GATED}
    assert gated == {("pallas", "gru"), ("pallas", "lstm")}
    assert study.left_out() == {"native": "runs on CPU only; this is gpu"}


@pytest.mark.parametrize(
    ("changes", "over"),
    [
        ({}, False),
        ({"spill_bytes": 8}, True),
        ({"shared_bytes": 232_449}, True),
        ({"error": "ValueError: no"}, True),
        ({"kernel": "scan", "spill_bytes": 8}, False),
    ],
)
def test_status_says_whether_one_of_our_kernels_is_over_the_limit(monkeypatch, changes, over):
    compiled = Row(**{**vars(GOOD), **changes})
    compile_nothing(monkeypatch, compiled)
    assert cli.main([]) == over
    (row,) = json.loads(Path(LOCAL, "static.json").read_text())["rows"]
    assert row["error"] == compiled.error


def compile_nothing(monkeypatch, compiled):
    """Let the study find this one row."""
    monkeypatch.setattr(study, "cases", lambda: [("triton", "forward", object())])
    monkeypatch.setattr(study, "row", lambda *_: compiled)
    monkeypatch.setattr(study, "describe", lambda _: "H 64")
    monkeypatch.setattr(by_xla, "device_mesh", lambda: None)
    monkeypatch.setattr(by_xla, "ptxas", lambda: None)
    monkeypatch.setattr(by_xla, "prepare", lambda _: None)


def test_one_sentence_where_nothing_can_be_compiled(monkeypatch, capsys):
    def missing():
        raise by_xla.Unavailable("needs this and that")

    monkeypatch.setattr(by_xla, "device_mesh", missing)
    monkeypatch.setattr(by_xla, "prepare", lambda _: None)
    assert cli.main([]) == 2
    assert capsys.readouterr().err == "bench.studies.static: needs this and that\n"
    assert not list(Path().iterdir())


def test_table_has_a_line_for_each_row():
    _, table = write.write([GOOD, Row("pallas", "backward", "H 8", error="a | b")], publish=False)
    lines = table.read_text().splitlines()
    assert "| triton | forward | H 64 | 90 | 0 | 1000 | 8 HGMMA | 4 BAR | 1 | 0.01 | 0.5 |" in lines
    assert any(line.startswith("| pallas | backward | H 8 | a / b |") for line in lines)


@pytest.mark.parametrize(
    ("arguments", "folder"), [([], LOCAL), (["--publish"], "results/nvidia-h200-static")]
)
def test_only_publishing_replaces_what_is_published(monkeypatch, arguments, folder):
    compile_nothing(monkeypatch, GOOD)
    assert cli.main(arguments) == 0
    written = {path for path in Path().rglob("*") if path.is_file()}
    assert written == {Path(folder, "static.json"), Path(folder, "static.md")}
