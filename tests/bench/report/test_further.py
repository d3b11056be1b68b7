"""What each further core or device is worth: one problem on several numbers of them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers.sample_runs import TYPICAL, run, timed

from bench.cases.workloads import mission
from bench.records.facts import Ceiling
from bench.report import build, tables
from bench.report.pages import html, markdown
from bench.report.parts import answer, further


def on(count, kernel, millis, cell="relu"):
    result = timed(mission(10), kernel, millis, cell=cell)
    return replace(result, case=replace(result.case, cores=count))


SLOW = Ceiling("arithmetic", "a product", (1e10,), "float32", cores=1)
FAST = Ceiling("arithmetic", "a product", (4e10,), "float32")
BOTH = run(
    on(1, "scan", 8.0),
    on(1, "native", 7.0),
    on(None, "scan", 6.0),
    on(None, "native", 3.5),
    on(None, "torch", 5.0),
    ceilings=(SLOW, FAST),
)


def test_a_gain_is_over_the_same_kernel_on_the_fewest_cores():
    found = further.compared(BOTH, tables.frame(BOTH))
    assert list(zip(found.kernel, found["on"], strict=True)) == [
        ("scan", "1 core"),
        ("scan", "2 cores"),
        ("native", "1 core"),
        ("native", "2 cores"),
    ]
    assert found.gain.tolist() == pytest.approx([np.nan, 8 / 6, np.nan, 2.0], nan_ok=True)
    assert found.worth.tolist() == pytest.approx([np.nan, 4 / 6, np.nan, 1.0], nan_ok=True)


def test_speed_ups_winners_and_ceilings_are_those_of_as_many_cores():
    rows = tables.frame(BOTH).assign(suite="default").set_index(["kernel", "on"])
    assert rows.speedup["native", "1 core"] == pytest.approx(8 / 7)
    assert rows.speedup["native", "2 cores"] == pytest.approx(6 / 3.5)
    shares = rows.share["scan", "1 core"], rows.share["scan", "2 cores"]
    assert shares[0] == pytest.approx(shares[1] * 4 * 6 / 8)
    said = list(answer.lines(BOTH))
    assert said[0].startswith("relu, forward, float32, 1 core: native is fastest in 1 of 1")
    assert said[1].startswith("relu, forward, float32, 2 cores: native is fastest in 1 of 1")


def test_pictures_show_the_most_cores_and_their_ceilings():
    rows, ceilings = further.on_most(BOTH, tables.frame(BOTH))
    assert set(rows["on"]) == {"2 cores"} and ceilings == (FAST,)
    alone = run(on(1, "scan", 8.0), ceilings=(SLOW,))
    rows, ceilings = further.on_most(alone, tables.frame(alone))
    assert len(rows) == 1 and ceilings == (SLOW,)


def test_the_report_has_a_section_and_says_where():
    parts = list(build.sections([(BOTH, Path("run.json"))]))
    page = markdown.page("Some CPU", parts)
    assert "## What each further core is worth in suite default" in page
    assert "### mission-T10, model, forward, float32, relu, 1 core\n" in page
    assert "| native   | 2 cores | 3.50 ms |       2.00 |" in page
    assert "<option" in html.page("Some CPU", parts) and ">1 core</option>" in html.page("", parts)


def test_a_run_on_all_cores_says_nothing_of_cores():
    parts = list(build.sections([(TYPICAL, Path("run.json"))]))
    assert not any(part.title.startswith("What each further core") for part in parts)
    tables_shown = [part.table for part in parts if part.table is not None]
    assert not any("on" in table.whole().columns for table in tables_shown)


def on_devices(count, millis, status="ok"):
    result = timed(mission(10), "scan", millis)
    visits = result.visits if status == "ok" else ()
    case = replace(result.case, devices=count)
    return replace(result, case=case, status=status, visits=visits)


def test_devices_are_counted_as_cores_are():
    both = run(on_devices(None, 8.0), on_devices(2, 5.0), ceilings=(FAST,))
    found = further.compared(both, tables.frame(both))
    assert list(found["on"]) == ["1 device", "2 devices"]
    assert found.gain.tolist()[1] == pytest.approx(8 / 5)
    assert found.worth.tolist()[1] == pytest.approx(4 / 5)
    parts = list(build.sections([(both, Path("run.json"))]))
    page = markdown.page("Some GPUs", parts)
    assert "## What each further device is worth in suite default" in page
    assert "| scan     | 2 devices | 5.00 ms |" in page


def test_a_ceiling_is_held_against_what_one_device_computes():
    both = run(on_devices(None, 8.0), on_devices(2, 8.0), ceilings=(FAST,))
    rows = tables.frame(both).set_index("on")
    half = rows.flops["2 devices"] / rows.flops["1 device"]
    assert half == pytest.approx(1 / 2)
    assert rows.share["2 devices"] / rows.share["1 device"] == pytest.approx(half)


def test_pictures_show_the_most_devices_that_were_timed():
    checked = run(on_devices(None, 8.0), on_devices(2, 0.0, "emulated"), ceilings=(FAST,))
    rows, _ = further.on_most(checked, tables.frame(checked))
    assert list(rows["on"]) == ["1 device"]


def test_a_problem_that_does_not_divide_is_still_in_the_pictures():
    wide = [
        replace(each, case=replace(each.case, workload=mission(50)))
        for each in (on_devices(None, 8.0), on_devices(4, 3.0))
    ]
    both = run(on_devices(None, 8.0), on_devices(4, 0.0, "unsupported"), *wide, ceilings=(FAST,))
    rows, _ = further.on_most(both, tables.frame(both))
    shown = list(zip(rows.workload, rows["on"], strict=True))
    assert shown == [("mission-T10", "1 device"), ("mission-T50", "4 devices")]


def test_ceilings_are_those_of_the_most_cores_wherever_they_stand():
    alone = replace(on(1, "scan", 8.0).case, workload=mission(50))
    last = replace(on(1, "scan", 8.0), case=alone)  # a problem on one core, behind the others
    several = run(on(1, "scan", 8.0), on(None, "scan", 6.0), last, ceilings=(SLOW, FAST))
    rows, ceilings = further.on_most(several, tables.frame(several))
    assert list(rows["on"]) == ["2 cores", "1 core"] and ceilings == (FAST,)
