"""What makes turns differ: what is measured, and what the report makes of it."""

import dataclasses
import os
import subprocess
import sys
from contextlib import contextmanager, nullcontext
from math import log
from pathlib import Path

import psutil
import pytest
from helpers.sample_runs import TYPICAL

from bench.cases.case import Case
from bench.cases.workloads import Workload, mission
from bench.contenders.subject import Subject
from bench.records import store
from bench.records.run import Origin
from bench.records.store import ResultError
from bench.studies.turns import cold, cold_section, disturbed, disturbed_section
from bench.studies.turns.record import ColdStart, ColdStarts, Disturbed, DisturbedVisit
from bench.timing import clock

ORIGIN = {field.name: getattr(TYPICAL, field.name) for field in dataclasses.fields(Origin)}
TINY = Case(Workload("tiny", 4, 2, 3, 5, 2), "model", "train", "float32", "relu", "scan")
CASES = tuple(
    Case(mission(50), "model", "forward", "float32", "relu", kernel)
    for kernel in ("scan", "native")
)


def frame(section):
    return section.table.rows


def test_first_calls_are_shown_over_later_ones():
    starts = [
        ColdStart(
            TINY, "as it comes", (first, 2.0, 1.4, 1.6, 1.4, 1.6, *(1.0,) * 30), (pages, *(0,) * 35)
        )
        for first, pages in ((3.0, 10), (9.0, 30), (4.0, 20))
    ]
    (row,) = (
        frame(cold_section.section(ColdStarts(**ORIGIN, starts=tuple(starts)), Path("x.json")))[
            ["kernel", "treatment", "first", "second", "next", "later", "pages"]
        ]
        .to_numpy()
        .tolist()
    )
    assert row == ["scan", "as it comes", 4.0, 2.0, pytest.approx(1.5), 1.0, 20.0]


def test_a_process_measures_its_first_calls_and_their_page_faults(monkeypatch):
    monkeypatch.setattr(cold, "ROUNDS", 1)
    monkeypatch.setattr(cold, "CASES", (TINY,))
    found = list(cold.starts())
    assert [each.treatment for each in found] == list(cold.TREATMENTS)
    assert all(len(each.calls_s) == len(each.faults) == 40 for each in found)
    assert all(min(each.calls_s) > 0 for each in found)


def test_treatments_differ_in_what_comes_before_the_first_call(monkeypatch):
    done = []
    subject = Subject(call=lambda: done.append("call"), pairs=lambda outputs: ())
    monkeypatch.setattr(Subject, "error", lambda self, outputs: done.append("oracle"))
    monkeypatch.setattr(cold, "multiply_add", lambda burst: Subject(lambda: None, lambda o: ()))
    monkeypatch.setattr(cold.clock, "shortest", lambda call, seconds: done.append("other work"))
    monkeypatch.setattr(cold.clock, "steady", lambda call: done.append("steady"))
    monkeypatch.setattr(cold.free_cores, "waiting", lambda: lambda: done.append("wait"))
    checked = ["call", "oracle"]
    expected = {
        "as it comes": checked,
        "no oracle before": ["call"],
        "freed memory kept": checked,
        "threads busy before": [*checked, "other work"],
        "until steady": [*checked, "steady"],
        "cores free, until steady": [*checked, "wait", "steady"],
    }
    for treatment, steps in expected.items():
        done.clear()
        cold.TREATMENTS[treatment](subject)
        assert done == steps


def test_a_process_that_fails_is_one_sentence(monkeypatch):
    monkeypatch.setattr(cold, "CASES", (dataclasses.replace(TINY, kernel="nothing"),))
    with pytest.raises(ResultError, match="nothing, as it comes: its process ended: KeyError"):
        next(cold.starts())


def visits(beside, native):
    """Of two kernels in four turns; half of the other's turns are disturbed and know it."""
    return DisturbedVisit(beside, CASES, ((4e-3,) * 6, native), ((0.3,) * 6, WAITED[beside]))


WAITED = {False: (0.0,) * 6, True: (0.0,) * 3 + (0.8,) * 3}


def test_turns_that_waited_are_left_out_by_marks_alone():
    """Scan's threads wait for each other: for them that is usual, and no turn is left out."""
    alone = [visits(False, (2e-3,) * 6) for _ in range(4)]
    beside = [visits(True, (2e-3,) * 3 + (4e-3,) * 3) for _ in range(4)]
    study = Disturbed(**ORIGIN, visits=(*alone, *beside))
    rows = frame(disturbed_section.section(study, Path("x.json"))).set_index(["kernel", "by"])
    assert rows.loc[("scan", "whole turns"), "whole_beside"] == 1.0
    assert rows.loc[("native", "whole turns"), "whole_beside"] == 0.5
    assert rows.loc[("native", "all turns"), "time"] == pytest.approx(0.3466, abs=1e-4)
    assert rows.loc[("native", "all turns"), "ratio"] == pytest.approx(0.3466, abs=1e-4)
    assert rows.loc[("native", "whole turns"), "time"] == pytest.approx(0)
    assert rows.loc[("native", "whole turns"), "ratio"] == pytest.approx(0)
    assert (rows.favour == 0).all()


def test_the_spread_of_visits_is_that_of_their_ratios_beside_the_other():
    alone = [visits(False, (2e-3,) * 6) for _ in range(3)]
    beside = [visits(True, (level,) * 6) for level in (1e-3, 2e-3, 4e-3)]
    study = Disturbed(**ORIGIN, visits=(*alone, *beside))
    rows = frame(disturbed_section.section(study, Path("x.json"))).set_index(["kernel", "by"])
    assert rows.loc[("native", "all turns"), "sd"] == pytest.approx(log(2))


def test_where_too_few_turns_are_whole_all_of_them_count():
    study = Disturbed(
        **ORIGIN,
        visits=tuple(
            DisturbedVisit(beside, CASES, ((4e-3,) * 6, (2e-3, *(3e-3,) * 5)), ((0.0,) * 6, waited))
            for beside, waited in ((False, (0.0,) * 6), (True, (0.0, 0.0, *(0.5,) * 4)))
        )
        * 2,
    )
    rows = frame(disturbed_section.section(study, Path("x.json"))).set_index(["kernel", "by"])
    assert rows.loc[("native", "whole turns"), "ratio"] == pytest.approx(0)


def test_a_process_knows_how_long_it_waited_for_a_core():
    """Two that want the same core each wait for about half of the time."""
    before = os.sched_getaffinity(0)
    core = min(before)
    busy = f"import os\nos.sched_setaffinity(0, {{{core}}})\nprint(flush=True)\nwhile True: pass"
    with subprocess.Popen([sys.executable, "-c", busy], stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        os.sched_setaffinity(0, {core})
        try:
            start = disturbed.waited_s()
            clock.shortest(lambda: None, 0.4)
            assert disturbed.waited_s() - start > 0.05
        finally:
            os.sched_setaffinity(0, before)
            other.kill()


def test_the_other_process_stands_still_or_runs_and_is_gone_in_the_end():
    me = psutil.Process()
    before = set(me.children())
    with disturbed._another_process() as paused:
        (other,) = set(me.children()) - before
        with paused(True):
            assert settled(other) == psutil.STATUS_STOPPED
        with paused(False):
            assert settled(other) != psutil.STATUS_STOPPED
    assert not other.is_running()


def settled(process):
    """Its status once a signal has reached it."""
    states = (process.status() for _ in range(10_000))
    return next((s for s in states if s == psutil.STATUS_STOPPED), process.status())


def test_a_visit_beside_a_process_that_has_ended_does_not_count():
    with (
        pytest.raises(ResultError, match="the process beside ended with status -9"),
        disturbed._another_process() as paused,
        paused(False),
    ):
        psutil.Process().children()[-1].kill()
        while psutil.Process().children()[-1].status() != psutil.STATUS_ZOMBIE:
            pass


def test_waiting_is_that_of_all_threads_in_nanoseconds(tmp_path):
    """Of time on a core, time without one and turns, it is the second; a thread may have ended."""
    (tmp_path / "schedstat").touch()
    for thread, numbers in {"1": "9000000000 1500000000 7", "2": "8000000000 500000000 3"}.items():
        (tmp_path / "task" / thread).mkdir(parents=True)
        (tmp_path / "task" / thread / "schedstat").write_text(f"{numbers}\n")
    (tmp_path / "task" / "0").mkdir()
    assert disturbed.waited_s(tmp_path) == 2.0
    with pytest.raises(ResultError, match="does not say how long threads wait: no /nowhere"):
        disturbed.waited_s(Path("/nowhere"))


def test_a_turn_has_the_share_of_it_that_was_waited(monkeypatch):
    moments, waits = iter([10.0, 14.0]), iter([3.0, 5.0])
    monkeypatch.setattr(disturbed.time, "perf_counter", lambda: next(moments))
    monkeypatch.setattr(disturbed, "waited_s", lambda: next(waits))
    monkeypatch.setattr(disturbed.clock, "sample", lambda call, turn_s: (0.3, 0.3))
    assert disturbed._turn(Subject(lambda: None, lambda outputs: ())) == (0.3, 0.5)


def test_subjects_alternate_and_the_other_process_is_paused_in_visits_alone(monkeypatch):
    pauses, order = [], []
    one, two = (Subject(lambda: None, lambda outputs: ()) for _ in range(2))
    monkeypatch.setattr(disturbed, "_turn", lambda subject: order.append(subject) or (1.0, 0.0))
    monkeypatch.setattr(disturbed, "BLOCKS", 3)
    disturbed._visit((one, two), lambda: 0.0)
    assert order == [one, two, two, one, one, two]

    @contextmanager
    def another():
        yield lambda pause: pauses.append(pause) or nullcontext()

    monkeypatch.setattr(disturbed, "_another_process", another)
    monkeypatch.setattr(disturbed, "GROUPS", ((TINY,),))
    monkeypatch.setattr(disturbed, "VISITS", 2)
    assert len(list(disturbed.visits())) == 4 and pauses == [True, False, True, False]


def test_visits_alone_and_beside_the_other_process_alternate(monkeypatch, tmp_path):
    group = tuple(dataclasses.replace(TINY, kernel=kernel) for kernel in ("scan", "unrolled"))
    monkeypatch.setattr(disturbed, "GROUPS", (group,))
    monkeypatch.setattr(disturbed, "VISITS", 2)
    monkeypatch.setattr(disturbed, "BLOCKS", 2)
    found = tuple(disturbed.visits())
    assert [each.beside_another for each in found] == [False, True, False, True]
    assert all(len(turns) == 2 for each in found for turns in (*each.turns_s, *each.waited))
    monkeypatch.chdir(tmp_path)
    study = Disturbed(**ORIGIN, visits=found)
    path = store.create(study, publish=True, folder="disturbed")
    assert store.load(path, Disturbed) == study
