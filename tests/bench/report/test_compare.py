"""Result files side by side: verdicts on one machine, none across two, no nonsense."""

import dataclasses
import re
import string
from math import log
from pathlib import Path

import pytest
from helpers.sample_runs import TYPICAL, machine, run, timed, untimed, visit
from rich.console import Console

from bench.cases.case import Case, Wanted
from bench.cases.workloads import mission
from bench.judging.verdicts import Verdict
from bench.records import store
from bench.records.facts import Settings, Source
from bench.records.machine import Gpu
from bench.records.run import SCHEMA
from bench.records.store import ResultError
from bench.report.compare import changes, command, comparison

SCAN = Case(mission(50), "model", "forward", "float32", "relu", "scan")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)


def filed(a_run):
    return store.create(a_run, publish=True)


def printed(capsys, *runs):
    assert command.main([filed(each) for each in runs], Console(width=200)) == 0
    return capsys.readouterr().out


def scaled(factor):
    """The mission's scan, in visits that differ by less than a percent."""
    levels = [factor * drift * 4e-3 for drift in (0.997, 0.999, 1.001, 1.003)]
    visits = tuple(visit((level,) * 3) for level in levels)
    return dataclasses.replace(timed(mission(50), "scan", 4.0), visits=visits)


def test_what_runs_that_took_turns_share_is_in_no_change():
    """The machine is up to a fifth slower in some visits, for both; one is always 2 % slower."""
    drifts = [1.0, 1.2, 1.05, 1.15] * 2
    runs = [
        run(
            dataclasses.replace(
                timed(mission(50), "scan", 4.0),
                visits=tuple(visit((4e-3 * own * drift,)) for drift in drifts),
            ),
            together="them",
        )
        for own in (1.0, 1.02)
    ]
    (change,) = changes.changes(*runs).values()
    assert change.verdict == Verdict.SAME
    assert (change.interval.low, change.interval.high) == pytest.approx((log(1.02), log(1.02)))
    (summary,) = changes.summaries({SCAN: change})
    assert summary.interval == change.interval
    apart = [
        dataclasses.replace(each, together=name) for each, name in zip(runs, "ab", strict=True)
    ]
    (change,) = changes.changes(*apart).values()
    assert change.verdict == Verdict.AMBIGUOUS


@pytest.mark.parametrize(
    ("factor", "expected"), [(1.2, "SLOWER"), (0.8, "FASTER"), (1.06, "SAME"), (1.1, "AMBIGUOUS")]
)
def test_one_machine_gets_a_verdict_with_its_interval(factor, expected, capsys):
    (comparison,) = changes.changes(run(scaled(1.0)), run(scaled(factor))).values()
    assert comparison.verdict == expected
    ends = comparison.interval.low, comparison.interval.high
    assert ends == pytest.approx((log(factor * 0.997 / 1.003), log(factor * 1.003 / 0.997)))
    out = printed(capsys, run(scaled(1.0)), run(scaled(factor)))
    shown = re.search(r"relu scan .* (\w+)", out)
    assert shown is None if expected == "SAME" else shown[1] == expected
    assert f"SAME: {expected == 'SAME':d} of 1 cases." in out


def test_samples_of_one_visit_count_once():
    """A thousand samples of one process are no evidence."""
    first, other = (
        dataclasses.replace(scaled(factor), visits=(visit(*[(factor * 4e-3,) * 10] * 100),))
        for factor in (1.0, 2.0)
    )
    assert [each.verdict for each in changes.changes(run(first), run(other)).values()] == [
        "AMBIGUOUS"
    ]


def beside_scan(scan, native, **changed):
    """A run of two kernels that take so many times as long as usual."""
    slower = dataclasses.replace(scaled(native), case=dataclasses.replace(SCAN, kernel="native"))
    return dataclasses.replace(run(scaled(scan), slower), **changed)


def test_a_kernel_is_judged_by_its_ratio_to_scan_and_scan_by_its_time(capsys):
    """A machine that is slower for all has no kernel that is."""
    before, after = beside_scan(1.0, 1.0), beside_scan(1.3, 1.3)
    assert [(each.verdict, each.by_ratio) for each in changes.changes(before, after).values()] == [
        ("SLOWER", False),
        ("SAME", True),
    ]
    assert re.search(
        r"native .* \+38.5 % × scan .* SLOWER", printed(capsys, before, beside_scan(1.3, 1.8))
    )
    slower = changes.changes(before, beside_scan(1.3, 1.8))
    assert [each.verdict for each in slower.values()] == ["SLOWER", "SLOWER"]


def test_after_another_commit_a_scan_that_changed_is_no_measure_for_others():
    """Else a slower scan would make every other kernel look faster."""
    other = Source("4567", dirty=False)
    found = changes.changes(beside_scan(1.0, 1.0), beside_scan(1.3, 1.0, source=other))
    assert [each.verdict for each in found.values()] == ["SLOWER", "SAME"]
    drift = changes.changes(beside_scan(1.0, 1.0), beside_scan(1.05, 1.05, source=other))
    assert [(each.verdict, each.by_ratio) for each in drift.values()][1] == ("SAME", True)


@pytest.mark.parametrize(
    "changed",
    [
        {"versions": {"jax": "9"}},
        {"versions": {"jaxlib": "9"}},
        {"machine": machine(xla_flags="--xla_cpu_fast_math")},
        {"settings": Settings(async_dispatch=False)},
        {
            "cases": tuple(
                dataclasses.replace(each, variant="unhoisted")
                for each in beside_scan(1.3, 1.3).cases
            )
        },
    ],
)
def test_where_scan_is_another_program_all_are_judged_by_their_time(changed):
    found = changes.changes(beside_scan(1.0, 1.0), beside_scan(1.3, 1.3, **changed))
    assert [(each.verdict, each.by_ratio) for each in found.values()] == [("SLOWER", False)] * 2


def test_a_visit_speaks_by_the_median_of_its_turns():
    """A turn that was disturbed changes nothing."""
    turns = [each.samples_s[0] for each in scaled(1.0).visits]
    slow = [tuple(1.5 * sample for sample in turn) for turn in turns]
    visits = tuple(visit(turn, other, turn) for turn, other in zip(turns, slow, strict=True))
    disturbed = dataclasses.replace(scaled(1.0), visits=visits)
    (comparison,) = changes.changes(run(scaled(1.0)), run(disturbed)).values()
    assert comparison.interval.estimate == pytest.approx(0, abs=1e-9)


def test_any_number_of_files_pairs_cases_and_keeps_the_odd_ones(capsys):
    other = run(timed(mission(50), "scan", 6.0), timed(mission(1), "scan", 1.0))
    rows = comparison.side_by_side([TYPICAL, other, TYPICAL])
    assert len(rows) == 6
    assert [found is not None for found in rows[SCAN]] == [True, True, True]
    out = printed(capsys, TYPICAL, other, TYPICAL)
    assert "absent" in out and "emulated" in out
    (head,) = (line for line in out.splitlines() if line.strip().startswith("case "))
    assert all(f"{label}: Some CPU" in head for label in "ABC")
    assert "is faster than A" not in out


def test_files_are_lettered_and_then_numbered(capsys):
    out = printed(capsys, *[run(scaled(1.0))] * 28)
    labels = re.findall(r"^(\w+): results/\S+json,", out, re.M)
    assert labels == [*string.ascii_uppercase, "27", "28"]


@pytest.mark.parametrize(
    "difference",
    [
        {"name": "Another CPU"},
        {"backend": "gpu", "gpu": Gpu("NVIDIA X", 2**36, "580", None)},
        {"cores": 64, "threads": 64},
        {"cores": 1},
        {"microarchitecture": "zen5"},
        {"family": "26", "model": "68"},
        {"features": ("avx2", "avx512f", "fma")},
        {"cache_bytes": {"L1d": 2**15, "L2": 2**21}},
        {"memory_bytes": 2**40},
    ],
)
def test_different_machines_are_labelled_and_never_judged(difference, capsys):
    other = run(scaled(2.0), machine=machine(**difference))
    out = printed(capsys, run(scaled(1.0)), other)
    assert "another machine" in out and "no verdict" in out
    assert f"({other.machine.backend})" in out
    assert "SLOWER" not in out


def test_a_busier_hour_is_the_same_machine_and_other_circumstances_are_named(capsys):
    busier = machine(load_average=7.0, os="Linux 9", memory_bytes=2**34 + 2**22)
    other = run(scaled(2.0), machine=busier)
    synchronous = Settings(async_dispatch=False)
    other = dataclasses.replace(other, versions={"jax": "9", "flax": "1"}, settings=synchronous)
    out = printed(capsys, run(scaled(1.0)), other)
    assert re.search(r"relu scan .* SLOWER", out) and out.count("differs in") == 1
    differing = (
        "os (Linux, here Linux 9), dispatch (none, here synchronous), flax (none, here 1), "
        "jax (1.2.3, here 9)"
    )
    assert f"; differs in {differing} " in " ".join(out.split())


@pytest.mark.parametrize(("dirty", "said"), [(True, " with local changes"), (False, "")])
def test_a_file_is_introduced_by_its_date_and_commit(dirty, said, capsys):
    out = printed(capsys, run(), run(source=Source("0123456789abcdef", dirty=dirty)))
    assert re.search(rf"^B: .*\(cpu\), 2026-01-02, commit 0123456789ab{said}$", out, re.M)


def test_another_workload_of_the_same_name_is_refused():
    impostor = timed(dataclasses.replace(mission(50), H=512), "scan", 4.0)
    paths = [filed(TYPICAL), filed(run(impostor))]
    with pytest.raises(
        ResultError,
        match=r"json and .*json have two shapes named mission-T50, T=50.*H=256.* and .*H=512",
    ):
        command.main(paths, Console())


def test_another_schema_is_refused():
    path = filed(TYPICAL)
    path.write_text(path.read_text().replace(f'"schema": {SCHEMA}', '"schema": 99', 1))
    with pytest.raises(ResultError, match="schema 99; this version reads schema"):
        command.main([filed(TYPICAL), path], Console())


def test_the_headline_has_the_mean_change_and_the_verdicts_by_pass_and_kernel(capsys):
    """Two problems, of which one is a fifth slower: a tenth on the whole."""
    same, slower = (
        dataclasses.replace(scaled(f), case=dataclasses.replace(SCAN, workload=mission(T)))
        for T, f in ((1, 1.0), (50, 1.21))
    )
    out = printed(capsys, run(same, scaled(1.0)), run(same, slower))
    words = re.search(r"^ relu +forward +scan +(\S+ %) +(\S+ %) to (\S+ %) +(.*)$", out, re.M)
    assert words[1] == "+10.0 %" and words[4].split() == ["0", "1", "1", "0"]
    assert "SAME: 1 of 2 cases." in out


def test_the_headline_is_in_order_of_cells_then_of_passes_and_then_of_kernels():
    kinds = (
        ("tanh", "train", "native"),
        ("tanh", "forward", "scan"),
        ("tanh", "forward", "native"),
    )
    cases = [
        dataclasses.replace(
            scaled(1.0), case=dataclasses.replace(SCAN, cell=cell, phase=phase, kernel=kernel)
        )
        for cell, phase, kernel in (*kinds, ("gru", "forward", "scan"))
    ]
    found = changes.summaries(changes.changes(run(*cases), run(*cases)))
    assert [(each.cell, each.phase, each.kernel) for each in found] == [
        ("tanh", "forward", "scan"),
        ("tanh", "forward", "native"),
        ("tanh", "train", "native"),
        ("gru", "forward", "scan"),
    ]


def test_the_largest_change_comes_first_and_what_lost_its_time_last(capsys):
    kernels = ("scan", "native", "unrolled", "pallas")
    before = [
        dataclasses.replace(scaled(1.0), case=dataclasses.replace(SCAN, kernel=k)) for k in kernels
    ]
    factors = dict(zip(kernels, (1.0, 1.3, 0.5), strict=False))
    after = [
        dataclasses.replace(scaled(f), case=dataclasses.replace(SCAN, kernel=k))
        for k, f in factors.items()
    ]
    failed = untimed(mission(50), "pallas", "failed", "oops")
    out = printed(capsys, run(*before), run(*after, failed))
    assert re.findall(r"relu (\w+) .* (\w+) *$", out, re.M) == [
        ("unrolled", "FASTER"),
        ("native", "SLOWER"),
        ("pallas", "failed"),
    ]


def test_cases_that_only_one_run_has_are_counted(capsys):
    out = printed(capsys, run(scaled(1.0)), run(scaled(1.0), timed(mission(1), "native", 1.0)))
    assert "SAME: 1 of 1 cases.\nIn one run only: 1." in out
    assert "mission-T1" not in out


@pytest.mark.parametrize(("factor", "status"), [(1.3, 1), (1.0, 0), (0.5, 0)])
def test_it_fails_on_request_where_something_is_slower(factor, status):
    paths = [filed(run(scaled(1.0))), filed(run(scaled(factor)))]
    assert command.main(paths, Console(), fail_on=Verdict.SLOWER) == status
    assert command.main(paths, Console()) == 0


def test_only_what_is_wanted_is_shown_and_judged(capsys):
    paths = [filed(beside_scan(1.0, 1.0)), filed(beside_scan(1.3, 1.3))]
    native = Wanted(kernels=["native"])
    assert command.main(paths, Console(width=200), native, fail_on=Verdict.SLOWER) == 0
    assert "SAME: 1 of 1 cases." in capsys.readouterr().out
    with pytest.raises(ResultError, match="no case of these runs is of the kernels, passes and"):
        command.main(paths, Console(), Wanted(dtypes=["float64"]))


def test_a_name_from_a_file_is_no_markup(capsys):
    hostile = machine(name="[red]x[/red] CPU")
    out = printed(capsys, run(machine=hostile), run(machine=hostile))
    introductions = re.findall(r"^[AB]: results/.*", out, re.M)
    assert len(introductions) == 2 and out.count("[red]x[/red]") == 4
    assert all("[red]x[/red] CPU (zen4), 2 cores (cpu)" in line for line in introductions)


def test_what_became_wrong_is_said_and_fails_where_slower_does(capsys):
    """It has no time any more, and so no verdict."""
    wrong = untimed(mission(50), "native", "wrong", "deviates by 3")
    paths = [filed(beside_scan(1.0, 1.0)), filed(run(scaled(1.0), wrong))]
    assert command.main(paths, Console(width=200), fail_on=Verdict.SLOWER) == 1
    assert re.search(r"relu native +4.00 ms +wrong", capsys.readouterr().out)
    text = Path("results/local/compare/compare.md").read_text()
    assert "- **WRONG**: mission-T50 model forward float32 relu native: deviates by 3" in text


def test_it_is_the_last_run_that_counts():
    wrong = untimed(mission(50), "native", "wrong", "deviates by 3")
    paths = [filed(beside_scan(1.0, 1.0)), filed(run(scaled(1.0), wrong))]
    paths.append(filed(beside_scan(1.0, 1.0)))
    assert command.main(paths, Console(), fail_on=Verdict.SLOWER) == 0


def test_without_a_verdict_there_is_no_telling_what_is_slower():
    paths = [filed(run(scaled(1.0))), filed(run(scaled(2.0), machine=machine(cores=1)))]
    with pytest.raises(ResultError, match="no case has a verdict, so none can be SLOWER"):
        command.main(paths, Console(), fail_on=Verdict.SLOWER)


def test_runs_of_two_harnesses_have_no_verdict(capsys):
    """Their scans are two programs, whatever commit the kernels are of."""
    one, other = (Source(digit * 40, dirty=False) for digit in "12")
    filled = run(scaled(1.0), harness=one)
    assert changes.comparable(filled, run(scaled(2.0), harness=one))
    assert not changes.comparable(filled, run(scaled(2.0), harness=other))
    assert "no verdict" in printed(capsys, filled, run(scaled(2.0)))


def test_the_same_commit_of_a_users_kernels_under_an_unknown_suite_is_not_the_same_code():
    theirs = {"versions": {"recurrent-kernels": "unknown commit"}}
    found = changes.changes(beside_scan(1.0, 1.0, **theirs), beside_scan(1.3, 1.0, **theirs))
    assert [each.by_ratio for each in found.values()] == [False, False]
