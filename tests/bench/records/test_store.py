"""Result files survive everything that happens to files."""

import dataclasses
import json
import os
import re
from dataclasses import fields
from pathlib import Path

import pytest
from helpers.sample_runs import HERE, TYPICAL, machine, run

from bench.records import store
from bench.records.facts import Ceiling, Conditions, Settings
from bench.records.machine import Cpu, Gpu, Machine
from bench.records.run import SCHEMA, CaseResult, Run, Visit
from bench.records.store import ResultError


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_round_trip():
    path = store.create(TYPICAL, publish=False)
    assert store.load(path) == TYPICAL
    assert path == Path("results/local", HERE.folder, "20260102T030405-default.json")


def test_a_machine_of_one_core_has_results_too():
    one = dataclasses.replace(TYPICAL, machine=machine(cores=1))
    assert store.load(store.create(one, publish=False)) == one


def test_an_infinite_error_survives():
    wrong = dataclasses.replace(TYPICAL.cases[0], error=float("inf"), status="wrong")
    path = store.create(run(wrong), publish=True)
    assert store.load(path).cases[0].error == float("inf")


def test_what_is_published_can_be_read():
    published = list(Path(__file__).parents[3].glob(f"results/*/{store.FILES}"))
    assert published and all(store.load(path).cases for path in published)


def test_two_runs_of_one_second_get_two_files():
    first, second = (store.create(TYPICAL, publish=True) for _ in range(2))
    assert first.name == "20260102T030405-default.json"
    assert second.name == "20260102T030405-default-2.json"
    assert store.load(first) == store.load(second)
    assert "local" not in first.parts


@pytest.mark.parametrize(
    ("lesser", "whole"),
    [({}, True), ({"complete": False}, False), ({"narrowed": ("--kernels scan",)}, False)],
)
def test_a_run_is_whole_if_all_was_asked_for_and_finished(lesser, whole):
    assert dataclasses.replace(TYPICAL, **lesser).whole == whole


def test_a_file_may_be_as_large_as_is_said_and_no_larger(monkeypatch):
    path = store.create(TYPICAL, publish=False)
    size = path.stat().st_size
    monkeypatch.setattr(store, "LARGEST_FILE", size)
    assert store.load(path) == TYPICAL
    monkeypatch.setattr(store, "LARGEST_FILE", size - 1)
    with pytest.raises(ResultError, match="larger than any result file"):
        store.load(path)


def test_a_failed_write_leaves_the_old_file_and_no_other(monkeypatch):
    path = store.create(TYPICAL, publish=False)

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        store.save(run(), path)
    assert store.load(path) == TYPICAL
    assert list(path.parent.iterdir()) == [path]


def test_a_file_is_replaced_not_written_over():
    """Who has the old one open reads all of it."""
    path = store.create(TYPICAL, publish=False)
    with path.open() as reader:
        store.save(run(), path)
        assert len(json.load(reader)["cases"]) == len(TYPICAL.cases)
    assert store.load(path) == run()


def test_all_of_a_file_is_on_the_disk_before_it_gets_its_name(monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(os.fstat(handle).st_size))
    path = store.create(TYPICAL, publish=False)
    assert synced == [path.stat().st_size]


def test_others_may_read_a_file():
    path = store.create(TYPICAL, publish=False)
    assert path.stat().st_mode & 0o777 == 0o644


def damaged(text):
    whole = json.loads(text)
    yield "", "not a result file"
    yield text[: len(text) // 2], "not a result file"
    yield "[]", "not a result file"
    for other in (3, 99):  # 3: from before cells
        why = f"schema {other}; this version reads schema {SCHEMA}: measure again, or move"
        yield json.dumps(whole | {"schema": other}), why
    yield json.dumps(whole | {"cases": 3}), "cases"
    yield json.dumps(whole | {"seconds": "soon"}), "seconds"
    yield json.dumps({k: v for k, v in whole.items() if k != "machine"}), "machine"
    yield "[" * 100_000, "not a result file"


def test_a_malformed_file_is_named_and_said_why():
    path = store.create(TYPICAL, publish=False)
    for text, why in damaged(path.read_text()):
        path.write_text(text)
        with pytest.raises(ResultError) as caught:
            store.load(path)
        assert str(path) in str(caught.value) and why in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ResultError, match=r"nowhere\.json: No such file"):
        store.load(tmp_path / "nowhere.json")


@pytest.mark.parametrize(
    ("heading", "record"),
    [
        ("A run", Run),
        ("Its machine", Machine),
        ("Its processor", Cpu),
        ("Its GPU", Gpu),
        ("Its settings", Settings),
        ("A ceiling", Ceiling),
        ("A case", CaseResult),
        ("Its visits", Visit),
        ("Its conditions", Conditions),
    ],
)
def test_every_field_is_documented(heading, record):
    text = (Path(__file__).parents[3] / "docs" / "result-files.md").read_text()
    table = text.split(f"## {heading}\n")[1].split("\n## ")[0]
    documented = re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (`.*?`) \|", table, re.M)))
    assert documented == [field.name for field in fields(record)]
