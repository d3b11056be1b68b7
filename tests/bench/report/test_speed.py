"""What is drawn is what was measured."""

import numpy as np
import pandas as pd
import pytest
from helpers.sample_runs import run, timed
from matplotlib.colors import to_rgb

from bench.cases.workloads import mission
from bench.report.figures import speed
from bench.report.tables import frame


def test_a_line_runs_inside_its_band():
    """A percent below the time to a percent above it, as the invented visits have it."""
    rows = frame(run(*(timed(mission(T), "scan", T) for T in (1, 10, 100))))
    ax = speed._sweep(rows, "T").axes[0]
    (line,), (band,) = ax.get_lines(), ax.collections
    assert line.get_ydata() == pytest.approx([1000] * 3)  # µs a step
    edges = np.unique(np.round(band.get_paths()[0].vertices[:, 1]))
    assert edges.min() < 1000 < edges.max()
    assert edges.min() >= 980 and edges.max() <= 1020


def test_a_cell_has_figures_of_its_own():
    """A shape that one cell alone was timed at is no empty row among another's."""
    cases = [
        timed(mission(T), kernel, T, cell=cell)
        for cell, lengths in (("relu", (1, 10, 100)), ("lstm", (1, 10)))
        for T in lengths
        for kernel in ("scan", "native")
    ]
    rows = frame(run(*cases))
    drawn = [*speed.speedups(rows, "x"), *speed.sweeps(rows, "x")]
    assert {each.name: each.alt.split(", ", 1)[1] for each in drawn} == {
        "x-speedup-relu.svg": "relu, suite x",
        "x-speedup-lstm.svg": "lstm, suite x",
        "x-time-T-relu.svg": "a line for every kernel, relu, suite x",
        "x-time-T-lstm.svg": "a line for every kernel, lstm, suite x",
    }
    (_, _, relu), (_, _, lstm) = speed.by_cell(rows, "x")
    ticks = [len(speed._speedups(part).axes[0].get_yticks()) for part in (relu, lstm)]
    assert ticks == [3, 2]
    assert [each.name for each in speed.speedups(lstm, "x")] == ["x-speedup.svg"]


def test_a_legend_of_many_kernels_is_no_wider_than_the_figure():
    cases = [timed(mission(100), kernel, 100) for kernel in (*speed.LOOKS, "native-prepared")]
    figure = speed._speedups(frame(run(*cases)))
    (legend,) = figure.legends
    figure.draw_without_rendering()
    assert len(legend.get_texts()) == len(cases)
    box = legend.get_window_extent()
    assert figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1


def darkened(colour):
    """As the page's filter has it in dark mode: invert(0.92), then hue-rotate(180deg)."""
    turn = [[-0.574, 1.430, 0.144], [0.426, 0.430, 0.144], [0.426, 1.430, -0.856]]
    return np.clip(np.array(turn) @ (0.92 - 0.84 * np.array(colour)), 0, 1)


def contrast(*colours):
    """WCAG 2.2's."""
    linear = [np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4) for c in colours]
    dark, bright = sorted(each @ [0.2126, 0.7152, 0.0722] for each in linear)
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("colour", speed.COLOURS)
def test_a_colour_stands_out_on_a_light_page_and_on_a_dark_one(colour):
    """At least 3 to 1, WCAG's for graphics."""
    colour, white = np.array(to_rgb(colour)), np.ones(3)
    assert contrast(colour, white) >= 3
    assert contrast(darkened(colour), darkened(white)) >= 3


def test_a_kernel_looks_the_same_in_every_figure():
    """Whatever else is in it; one that is not known looks like none that is."""
    few, many = (pd.DataFrame({"kernel": names}) for names in (["native"], ["flax", "native", "x"]))
    assert speed.look(few, "native") == speed.look(many, "native")
    looks = [tuple(speed.look(many, name).values()) for name in (*speed.LOOKS, "x")]
    assert len(set(looks)) == len(looks)
