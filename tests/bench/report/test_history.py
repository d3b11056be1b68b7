"""Runs over the commits: a step is found and named, and nothing is joined that does not belong."""

import re
from dataclasses import replace
from math import exp

import numpy as np
import pytest
from helpers.repositories import commit, git, repository, signed
from helpers.sample_runs import HERE, machine, run, timed, untimed, visit
from rich.console import Console

from bench import cli
from bench.cases.case import Wanted
from bench.cases.workloads import mission
from bench.gate import fill
from bench.records import store
from bench.records.facts import Settings, Source
from bench.records.store import ResultError
from bench.report.history import collect, command, findings, rates, series
from bench.report.history.commits import of_branch
from bench.timing import host

SCAN, NATIVE = timed(mission(50), "scan", 4.0), timed(mission(50), "native", 2.0)
TREE = Source("a" * 40, dirty=False)  # that measured
RUNS, STEP = 12, 7  # commits, and the first that is slower


@pytest.fixture
def commits(tmp_path, monkeypatch):
    """Their names, the oldest first, of the repository in which runs are looked for."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(collect, "REPOSITORY", tmp_path)
    monkeypatch.setattr(rates, "EQUAL", 2)
    monkeypatch.setattr(rates, "WITH_STEP", 2)
    return repository(tmp_path, [f"[b] Commit {number}" for number in range(RUNS)])


def scaled(result, factor):
    visits = [
        visit(*[tuple(factor * s for s in turn) for turn in each.samples_s])
        for each in result.visits
    ]
    return replace(result, visits=tuple(visits))


def filed(commits, native, scan=(1.0,) * RUNS, **changed):
    """A run a commit, in which each kernel takes so many times as long as usual, about."""
    random = np.random.default_rng(7)
    for place, (name, *factors) in enumerate(zip(commits, native, scan, strict=True)):
        own, all_of_them = random.normal(0, 0.01, 2)
        slower = scaled(NATIVE, factors[0] * exp(own + all_of_them))
        baseline = scaled(SCAN, factors[1] * exp(all_of_them))
        fields = {"source": Source(name, dirty=False), "started": at(place)} | changed
        store.create(run(baseline, slower, **fields), publish=place % 2 == 0)


def at(hour):
    return f"2026-01-02T{hour:02}:00:00+00:00"


def printed(capsys, *words, suite=None):
    assert command.main(HERE.folder, suite, Wanted(*words), Console(width=200)) == 0
    return capsys.readouterr().out


def found():
    entries = collect.load(HERE.folder, None).entries
    return findings.all_of(series.every(entries))


PLANTED = [1.2 if place >= STEP else 1.0 for place in range(RUNS)]


def test_a_planted_step_is_found_and_named_with_its_commit(commits, capsys):
    filed(commits, PLANTED)
    out = printed(capsys)
    row = re.search(r"relu native +\+(\S+) % × scan .* (\w+), after (\w+) +\[b\] Commit 7", out)
    assert float(row[1]) == pytest.approx(20, abs=3)
    assert (row[2], row[3]) == (commits[STEP][:7], commits[STEP - 1][:7])
    assert f"1 step in 2 series of {RUNS} runs of suite default, of {RUNS} commits." in out


def test_the_largest_step_comes_first(commits):
    filed(commits, [1.0] * 4 + [1.15] * 4 + [1.6] * 4)
    assert [step.at for step in found()] == [8, 4]


def test_both_pages_have_the_step_the_drawing_and_the_rates(commits, capsys):
    filed(commits, PLANTED)
    printed(capsys)
    text, page, drawing = (
        (command.PAGES / f"history.{kind}").read_text() for kind in ("md", "html", "svg")
    )
    named = f"{commits[STEP][:7]}, after {commits[STEP - 1][:7]}"
    assert f">{named}</td>" in page and "data:image/svg+xml" in page and f"| {named}" in text
    assert "![Ratio to scan" in text and "(history.svg)" in text and drawing.startswith("<?xml")
    assert re.search(r"^\| simulated, noise 2%: any step marked +\| 20 ", text, re.M)
    assert re.search(r"^\| real, times, nothing changed: any step marked +\| +\| +0 ", text, re.M)
    assert commits[STEP][:7] in drawing and text.count("Commit") == RUNS + 1


def test_runs_are_in_the_order_of_their_commits_whenever_they_were_made(commits, capsys):
    filed(commits[::-1], PLANTED[::-1])
    entries = collect.load(HERE.folder, None).entries
    assert [entry.run.source.commit for entry in entries] == commits
    (step,) = found()
    assert step.at == STEP and step.interval.estimate > 0


def test_only_commits_along_first_parents_are_a_line(commits, tmp_path, capsys):
    """What came by a merge, or never did, is beside them."""
    git(tmp_path, "checkout", "-qb", "side", commits[3])
    aside = commit(tmp_path, "Aside")
    git(tmp_path, "checkout", "-q", "-")
    git(tmp_path, "merge", "-q", "--no-ff", "-m", "Together", "side")
    merged = git(tmp_path, "rev-parse", "HEAD")
    git(tmp_path, "checkout", "-q", "side")
    never = commit(tmp_path, "Never merged")
    git(tmp_path, "checkout", "-q", "-")
    filed([merged, never, aside, commits[3], commits[-1]], [1.0] * 5, [1.0] * 5)
    order = [each.run.source.commit for each in collect.load(HERE.folder, None).entries]
    assert order == [commits[3], commits[-1], merged]
    said = "Left out: 2 of a commit that is not on this branch, or came to it by a merge."
    assert said in printed(capsys)


@pytest.mark.parametrize("character", ["\u2028", "\x0b", "\x85", "\x1c", "\r"])
def test_a_subject_may_have_characters_that_part_lines(character, commits, tmp_path, capsys):
    odd = commit(tmp_path, f"One{character}other")
    filed([*commits[1:], odd], PLANTED)
    subject = collect.load(HERE.folder, None).entries[-1].subject
    assert re.fullmatch(r"One[\u2028�]other", subject)
    assert "1 step in 2 series" in printed(capsys)


def test_a_signature_that_git_is_to_show_is_not_taken_for_commits(commits, tmp_path):
    last = signed(tmp_path)
    assert list(of_branch(tmp_path)) == [*commits[:-1], last]


def test_runs_of_one_commit_are_in_the_order_of_their_time(commits):
    filed([commits[2]] * 3, [1.0] * 3, [1.0] * 3)
    entries = collect.load(HERE.folder, None).entries
    assert [entry.run.started for entry in entries] == [at(hour) for hour in range(3)]


@pytest.mark.parametrize(
    "other",
    [
        {"machine": machine(memory_bytes=2**40)},
        {"versions": {"jax": "9"}},
        {"machine": machine(xla_flags="--fast")},
        {"settings": Settings(malloc={"MALLOC_ARENA_MAX": "1"})},
    ],
    ids=["machine", "compiler", "flags", "allocator"],
)
def test_other_circumstances_are_another_line_and_no_step(other, commits, monkeypatch):
    monkeypatch.setattr(type(HERE), "folder", "here")  # though they lie beside each other
    filed(commits[:6], [1.0] * 6, [1.0] * 6)
    filed(commits[6:], [1.5] * 6, [1.5] * 6, **other)
    entries = collect.load("here", None).entries
    lines = [[point.place for point in each.points] for each in series.every(entries)]
    assert sorted(map(tuple, lines)) == [tuple(range(6))] * 2 + [tuple(range(6, 12))] * 2
    assert found_in(entries) == []
    here = {"machine": HERE, "versions": {}, "settings": Settings()}
    same = [replace(entry, run=replace(entry.run, **here)) for entry in entries]
    assert [each.series.case.kernel for each in found_in(same)] == ["scan"]


def found_in(entries):
    return findings.all_of(series.every(entries))


def test_a_machine_that_becomes_slower_has_no_kernel_that_does(commits):
    filed(commits, [1.3 * each for each in PLANTED], PLANTED)
    (step,) = found()
    assert step.series.case.kernel == "scan" and not step.series.by_ratio


def test_a_step_of_scan_is_not_listed_as_one_of_the_others(commits):
    """Whose ratios fall."""
    filed(commits, [1.0] * RUNS, PLANTED)
    assert [(each.series.case.kernel, each.at) for each in found()] == [("scan", STEP)]


def test_a_ratio_that_changes_by_more_than_scan_is_a_step_of_the_kernel_too(commits):
    """Its own time is half from there on."""
    filed(commits, [0.5 if each > 1 else 1.0 for each in PLANTED], PLANTED)
    kernels = [each.series.case.kernel for each in found()]
    assert kernels == ["native", "scan"]


def test_a_step_of_scan_that_is_not_shown_is_not_called_another_kernels(commits, capsys):
    filed(commits, [1.0] * RUNS, PLANTED)
    assert "No step in 1 series" in printed(capsys, ["native"])
    assert "1 step in 1 series" in printed(capsys, ["scan"])


def test_an_hour_that_is_a_little_slower_is_no_step_of_scan(commits):
    filed(commits, [1.0] * RUNS, [1.08 if place >= STEP else 1.0 for place in range(RUNS)])
    assert all(each.series.case.kernel != "scan" for each in found())


def test_where_scan_is_not_one_program_times_are_judged(commits):
    """Its ratio would have a step."""
    filed(commits[:6], [1.0] * 6, [1.0] * 6)
    entries = collect.load(HERE.folder, None).entries
    quicker = replace(scaled(SCAN, 0.7), variant="unroll 4")
    for name in commits[6:]:
        source = Source(name, dirty=False)
        store.create(run(quicker, NATIVE, source=source), publish=True)
    entries = collect.load(HERE.folder, None).entries
    native = next(each for each in series.every(entries) if each.case.kernel == "native")
    assert not native.by_ratio
    assert [each.series.case.kernel for each in found_in(entries)] == ["scan"]


def test_a_run_without_scan_has_a_time_and_no_ratio(commits, capsys):
    filed(commits, PLANTED)
    store.create(run(NATIVE, source=Source(commits[-1], dirty=False)), publish=True)
    entries = collect.load(HERE.folder, None).entries
    native = next(each for each in series.every(entries) if each.case.kernel == "native")
    assert native.by_ratio and (len(native.judged), len(native.points)) == (RUNS, RUNS + 1)
    assert commits[STEP][:7] in printed(capsys)


def test_what_is_left_out_is_counted(commits, capsys):
    filed(commits, PLANTED)
    store.create(run(SCAN, source=Source(commits[0], dirty=True)), publish=True)
    store.create(run(SCAN, source=Source("4" * 40, dirty=False)), publish=True)
    store.create(run(SCAN, source=Source("HEAD", dirty=False)), publish=True)
    store.create(run(SCAN), publish=False).write_text("{}")
    assert (
        "Left out: 1 of a tree with local changes, or of no git checkout; 2 of a commit that is "
        "not on this branch, or came to it by a merge; 1 in a file that cannot be read, of another "
        "version perhaps."
    ) in printed(capsys)


def test_a_commit_that_was_filled_in_has_a_line_of_its_own_and_no_scan(commits):
    """That one is of the tree which measured."""
    filed(commits[:6], [1.0] * 6, [1.0] * 6)
    filled = run(SCAN, scaled(NATIVE, 1.5), source=Source(commits[6], dirty=False))
    store.create(replace(filled, harness=filled.source), publish=False, kind=store.FILLED)
    entries = collect.load(HERE.folder, None).entries
    lengths = [(each.case.kernel, len(each.judged)) for each in series.every(entries)]
    assert lengths == [("scan", 6), ("native", 6), ("native", 1)]


@pytest.mark.parametrize(
    ("harness", "said"),
    [
        (Source("b" * 40, dirty=False), "filled in by bbbbbbb"),
        (Source("a" * 40, dirty=True), "filled in by aaaaaaa with local changes"),
        (Source(None, dirty=False), "filled in by an unknown commit"),
    ],
)
def test_what_another_tree_filled_in_is_another_line(harness, said, commits, capsys):
    """Its clock and its baseline may be others."""
    filed(commits[:6], [1.0] * 6, [1.0] * 6, harness=TREE)
    filed(commits[6:], [1.5] * 6, [1.0] * 6, harness=harness)
    assert found() == []
    assert "No step in 2 series" in printed(capsys)
    text = (command.PAGES / "history.md").read_text()
    assert len(re.findall(r"filled in by aaaaaaa +\|", text)) == 6
    assert len(re.findall(rf"{said} +\|", text)) == 6


@pytest.mark.parametrize(
    "other",
    [
        {"complete": False},
        {"command": "python -m bench run --kernels native", "narrowed": ("--kernels native",)},
        {"versions": {"jax": "9"}},
        {"harness": Source("b" * 40, dirty=False)},
        {"harness": replace(TREE, dirty=True)},
        {"harness": None},
    ],
    ids=["cut short", "narrowed", "compiler", "harness", "changed harness", "own tree"],
)
def test_a_commit_is_filled_in_by_a_complete_run_of_the_same_kind(other, commits):
    now = run(source=TREE)
    assert collect.filled(now) == set()
    source = Source(commits[6], dirty=False)
    like_this = run(SCAN, NATIVE, source=source, harness=TREE)
    store.create(replace(like_this, **other), publish=False, kind=store.FILLED)
    assert collect.filled(now) == set()
    store.create(like_this, publish=False, kind=store.FILLED)
    assert collect.filled(now) == {commits[6]}


def test_few_runs_are_shown_and_said_to_be_too_few(commits, capsys):
    filed(commits[:5], [1.0] * 2 + [2.0] * 3, [1.0] * 5)
    out = printed(capsys)
    assert "No step in 2 series of 5 runs" in out
    assert "A step needs 6 runs in a series; the longest has 5." in out


def test_a_step_between_runs_of_one_commit_is_said_to_be_there(commits, capsys):
    filed([commits[0]] * RUNS, PLANTED)
    assert f"between two runs of {commits[0][:7]}" in printed(capsys)


def test_only_what_is_asked_for_is_shown(commits, capsys):
    filed(commits, PLANTED)
    assert "No step in 1 series" in printed(capsys, ["scan"])
    with pytest.raises(ResultError, match="no run of suite default here has timed such a case"):
        printed(capsys, None, ["train"])
    with pytest.raises(ResultError, match="has timed such a case"):
        printed(capsys, None, None, ["bfloat16"])


def test_the_suite_with_the_most_runs_is_shown_by_default(commits, capsys):
    filed(commits, PLANTED)
    filed(commits[:6], [1.0] * 6, [1.0] * 6, suite="smoke")
    assert "of suite default," in printed(capsys)
    assert "6 runs of suite smoke," in printed(capsys, suite="smoke")


def test_runs_that_cannot_be_shown_have_no_say_in_that(commits, capsys):
    filed(commits[:6], [1.0] * 6, [1.0] * 6, suite="smoke")
    for source in (Source(commits[0], dirty=True), Source("4" * 40, dirty=False)):
        for _ in range(6):
            store.create(run(SCAN, source=source), publish=True)
    assert "6 runs of suite smoke," in printed(capsys)


def test_what_there_is_not_is_one_sentence(commits, capsys):
    with pytest.raises(ResultError, match=r"no runs of this machine; `bench run` makes some$"):
        printed(capsys)
    store.create(run(SCAN), publish=True)
    with pytest.raises(ResultError, match=r"--suite is 'x'; this machine has runs of default$"):
        printed(capsys, suite="x")
    with pytest.raises(ResultError, match="no run to show: 1 of a commit that is not on"):
        printed(capsys)
    store.create(
        run(untimed(mission(1), "scan", "failed", "no"), source=Source(commits[0], dirty=False)),
        publish=True,
    )
    with pytest.raises(ResultError, match="has timed such a case"):
        printed(capsys)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "no runs of this machine; `bench run` makes some"),
        (["--measure", "HEAD~1..HEAD"], "bench: --measure needs --suite, one of smoke"),
        (["--measure", "HEAD~1..HEAD", "--suite", "x"], "--measure needs --suite, one of"),
        (["--measure", "HEAD", "--suite", "smoke"], "--measure is 'HEAD'; expected two"),
    ],
)
def test_the_command_line_says_it_too(words, said, commits, capsys):
    assert cli.main(["history", *words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("bench: ") and said in line


def test_what_a_commit_is_measured_with(commits, monkeypatch):
    """The baseline is among the kernels, and what such a run has measured is said."""
    asked = here(monkeypatch)
    ran = "run --suite smoke --backend cpu --kernels scan native --pass train"
    of_it = {"source": Source(commits[6], dirty=False), "harness": TREE}
    store.create(run(SCAN, command=f"python -m bench {ran}", **of_it), publish=False)
    words = ("--suite", "smoke", "--kernels", "native", "--pass", "train", "--measure", "A..B")
    assert cli.main(["history", *words]) == 130
    span, done, run_words, _ = asked[0]
    assert (span, done, run_words) == ("A..B", {commits[6]}, ran.split())


def test_what_was_measured_of_some_passes_is_shown(commits, monkeypatch):
    here(monkeypatch)
    monkeypatch.setattr(fill, "main", lambda *_: 0)
    for suite in ("smoke", "smoke-forward"):
        source = Source(commits[0], dirty=False)
        store.create(run(SCAN, NATIVE, suite=suite, source=source), publish=False)
    words = ("--suite", "smoke", "--pass", "forward", "--measure", "A..B")
    assert cli.main(["history", *words]) == 0
    assert "smoke-forward" in (command.PAGES / "history.md").read_text()


def test_nothing_is_measured_with_flags_that_would_file_it_aside(commits, monkeypatch, capsys):
    asked = here(monkeypatch)
    monkeypatch.setenv("XLA_FLAGS", "--fast")
    assert cli.main(["history", "--suite", "smoke", "--measure", "A..B"]) == 2
    said = "bench: --measure expects an environment without XLA_FLAGS"
    assert said in capsys.readouterr().err
    assert asked == []


def here(monkeypatch):
    """What is asked to be filled in, on the machine of the sample runs."""
    asked = []
    now = {"machine": HERE, "versions": {"jax": "1.2.3"}, "source": TREE}
    for name, value in now.items():
        monkeypatch.setattr(host, name, lambda value=value: value)
    monkeypatch.setattr(fill, "main", lambda *words: asked.append(words) or 130)
    return asked
