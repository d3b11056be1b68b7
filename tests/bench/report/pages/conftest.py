"""Pages for the tests of this folder, and a browser that opens them."""

import pytest
from helpers import browser
from helpers.sample_runs import machine, report_of, run, timed, untimed

from bench.cases.case import Case
from bench.cases.workloads import Workload, mission
from bench.records import store
from bench.records.run import CaseResult

HOSTILE = (
    "<script>alert(1)</script><img src=http://x/ onerror=alert(2)>|`*_$\\frac$[b](javascript:c)"
)


@pytest.fixture(scope="module", autouse=True)
def elsewhere(tmp_path_factory):
    """Results go to a folder of the module's own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("results"))
        yield


@pytest.fixture(scope="module")
def hostile():
    """A name that does harm where it is not escaped."""
    return HOSTILE


@pytest.fixture(scope="module")
def path():
    """report.html, with more rows in a table than are shown without filters."""
    kernels = {"scan": 1.0, "unrolled": 0.5, "scan-autodiff": 3.0}
    shapes = [mission(T) for T in (1, 10, 100, 1000)]
    cases = [timed(w, kernel, w.T * pace) for w in shapes for kernel, pace in kernels.items()]
    many = run(*cases, untimed(mission(1), "pallas", "emulated", "interpreted"))
    return report_of(store.create(many, publish=True).parent)[1]


@pytest.fixture(scope="module")
def hostile_folder():
    """Reading refuses such names; the writers do not count on that."""
    folder = store.ROOT / "hostile"
    store.save(_hostile(), folder / "20260102T030405-x.json")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "load", lambda path, kind: _hostile())
        report_of(folder)
    return folder


def _hostile():
    """Whatever a file may name, named to do harm."""
    shape = Workload(HOSTILE, 3, 4, 5, 6, 7)
    case = Case(shape, "model", "forward", "float32", "tanh", HOSTILE)
    cases = [timed(shape, kernel, 1.0) for kernel in ("scan", HOSTILE)]
    cases.append(CaseResult(case, "failed", HOSTILE))
    return run(
        *cases,
        machine=machine(name=HOSTILE, os=HOSTILE),
        suite=f"../{HOSTILE}",
        command=HOSTILE,
        versions={HOSTILE: HOSTILE},
        unavailable={HOSTILE: HOSTILE},
    )


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    """A page to open files in; the test is skipped where there is no browser."""
    if not browser.FOUND:
        pytest.skip(f"none of {', '.join(browser.NAMES)} on PATH")
    with browser.opened(tmp_path_factory.mktemp("profile")) as page:
        yield page
