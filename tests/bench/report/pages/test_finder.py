"""`Your shape`, as a browser shows it: what was measured nearest, and what "auto" takes."""

import dataclasses

import jax.numpy as jnp
import pytest
from helpers.browser import complaints
from helpers.sample_runs import report_of, run, timed

from bench.cases.workloads import Workload
from bench.records import store
from kernels.contract import Problem, current_platform
from kernels.registry import fastest

SHAPES = {
    "short": (10, 50, 256),
    "long": (1000, 50, 256),
    "wide": (100, 50, 2048),
    "single": (100, 1, 256),
    "tiny": (1, 1, 8),
}


def cases():
    """Every shape by three kernels, and one of them in training."""
    for name, (T, B, H) in SHAPES.items():
        shape = Workload(name, T, B, 16, H, 4)
        yield from (timed(shape, "scan", 3.0), timed(shape, "native", 1.5))
        yield timed(shape, "unrolled", 3.03)
    train = timed(Workload("short", *SHAPES["short"][:2], 16, 256, 4), "scan", 9.0)
    yield dataclasses.replace(train, case=dataclasses.replace(train.case, phase="train"))


@pytest.fixture(scope="module")
def page(chromium):
    measured = store.create(run(*cases()), publish=True)
    chromium.open(report_of(measured.parent)[1].resolve().as_uri())
    return chromium


@pytest.fixture
def fill(page):
    """A function that types sizes and chooses options, as at the keyboard."""

    def fill(**values):
        for name, value in values.items():
            field = f"document.querySelector('.finder form').elements['{name}']"
            page.run(f"{field}.focus()")
            if name in "TBH":
                page.run(f"{field}.select()")
                page.press("Delete")
                page.call("Input.insertText", text=str(value))
                continue
            page.press("Home")
            for _ in range(
                page.run(f"[...{field}.options].findIndex((o) => o.text === '{value}')")
            ):
                page.press("ArrowDown")
            assert page.run(f"{field}.value") == value
        return shown(page)

    fill(**{"pass": "forward"})
    return fill


def shown(page):
    """Of every problem in sight: name, distance, remark and table, in order."""
    return page.run("""
      [...document.querySelectorAll("article")].filter((each) => each.offsetHeight).map((each) => [
        ...["h3", ".distance", ".remark"].map((part) => each.querySelector(part).textContent),
        [...each.querySelectorAll("tbody tr")]
          .map((row) => [...row.cells].map((cell) => cell.textContent)),
      ])
    """)


def said(page):
    return page.run("document.querySelector('.finder > output').textContent")


def names(found):
    return [name for name, *_ in found]


def test_the_three_nearest_are_shown_nearest_first(fill):
    assert names(fill(T=20, B=50, H=256)) == ["short", "wide", "long"]
    assert names(fill(T=200, B=50, H=256)) == ["long", "wide", "short"]
    assert names(fill(T=2, B=2, H=10)) == ["tiny", "short", "single"]


def test_distance_is_in_words(fill, page):
    (_, first, *_), (_, second, *_), *_ = fill(T=20, B=50, H=256)
    assert first == "T is half of yours" and second == "T is 5 times yours, H is 8 times yours"
    (name, same, *_), *_ = fill(T=100, B=1, H=256)
    assert (name, same) == ("single", "The same T, B and H")
    (_, several, *_), *_ = fill(T=70, B=1, H=128)
    assert several == "T is 1.4 times yours, H is twice yours"
    assert said(page).startswith(f"Nearest: single. {several}. ")
    (_, close, *_), *_ = fill(T=101, B=1, H=255)
    assert close == "T is a little less than yours, H is a little more than yours"


def test_every_number_is_the_reports_own(fill, page):
    (_, _, remark, rows), *_ = fill(T=1000, B=50, H=256)
    assert rows == [
        ["native", "1.50 ms", "±5.1 %", "1.00"],
        ["scan", "3.00 ms", "±1 %", "2.00"],
        ["unrolled", "3.03 ms", "±5.1 %", "2.02"],
    ]
    assert remark == "auto takes native, the fastest." and said(page).endswith(remark)


def test_a_kernel_that_auto_takes_and_that_is_slower_is_said_to_be(fill):
    (name, _, remark, _), *_ = fill(T=1, B=1, H=8)
    assert (name, remark) == (
        "tiny",
        "auto takes scan, which needs 2.00 times as long as the fastest.",
    )


def test_only_the_same_pass_counts(fill):
    found = fill(T=1, B=1, H=8, **{"pass": "train"})
    assert [(name, remark) for name, _, remark, _ in found] == [
        ("short", "auto is not known: the run left out a kernel that it may take.")
    ]


@pytest.mark.parametrize("wrong", ["0", "-3", "1.5", ""])
def test_no_shape_no_answer(fill, page, wrong):
    fill(T=10, B=50, H=256)
    assert fill(T=wrong) == []
    assert said(page) == "T: expected a whole number of at least 1."
    assert page.run("document.querySelector('.call').offsetHeight") == 0


@pytest.mark.parametrize("size", [1, 100])
def test_the_line_of_python_answers_for_the_shape_typed(fill, page, size, capsys):
    fill(T=size, B=3, H=17)
    line = page.run("document.querySelector('.call').textContent")
    exec(line, {})
    problem = Problem(size, 3, 17, jnp.dtype("float32"), "relu", "full", current_platform())
    assert capsys.readouterr().out == f"{fastest(problem)}\n"
    assert f"T={size}, B=3, H=17, cell='relu', dtype='float32'" in line


def test_it_can_be_read_out(page):
    labelled = "[...document.querySelectorAll('.finder form *')].filter((e) => 'labels' in e)"
    labels = page.run(f"{labelled}.map((each) => each.labels[0].firstChild.textContent.trim())")
    sizes = ["T, time steps", "B, batch", "H, hidden size"]
    assert labels == [*sizes, "cell", "scope", "pass", "dtype"]
    assert page.run("document.querySelector('.finder > output').ariaLive") == "polite"
    assert complaints(page) == []
