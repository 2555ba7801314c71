"""Figures of one step, of one epoch, of lone values and of none: all that is there can be seen."""

import numpy as np
import pytest
from made_records import write_run
from matplotlib.backends.backend_agg import FigureCanvasAgg

from jaxcifar import figures
from jaxcifar.figures import lone_points, style

PLAIN = ("loss_band_steps", "loss_band_epochs", "gradient_range", "first_conv_gradient",
         "loss_curves", "accuracy_curves", "learning_rates", "accuracy_best_lines",
         "loss_best_lines")  # fmt: skip
SHORT = {
    "one step": {"epochs": 1, "spe": 1},
    "one epoch": {"epochs": 1, "spe": 5},
    "one epoch, two seeds": {"epochs": 1, "spe": 5, "seeds": 2},
    "one run of one epoch": {"epochs": 1, "spe": 5, "rates": (1e-3,), "norms": ("batch",)},
}


@pytest.fixture(scope="module", params=SHORT)
def short(request, tmp_path_factory):
    return figures.read_run(write_run(tmp_path_factory.mktemp("short"), **SHORT[request.param]))


def ink(figure, axes):
    """Pixels inside of axes that are darker than their grid."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[::-1, :, :3].astype(int)
    box = axes.get_window_extent()
    inside = pixels[int(box.y0) + 4 : int(box.y1) - 4, int(box.x0) + 4 : int(box.x1) - 4]
    return (inside.min(axis=2) < 150).sum()


@pytest.mark.parametrize("name", PLAIN)
def test_every_figure_of_a_short_run_shows_its_values(short, name):
    figure = figures.FIGURES[name].draw(short)
    for axes in figure.axes:
        assert not axes.texts  # such as "no data"
        for line in axes.lines:
            _assert_seen(line)
    assert ink(figure, figure.axes[0]) > 20


def _assert_seen(line):
    x, y = (np.asarray(data, float) for data in line.get_data())
    places = lone_points.lone(np.isfinite(x) & np.isfinite(y))
    every = line.get_markevery()
    every = slice(every) if every is None else every
    every = slice(None, None, every) if isinstance(every, int) else every
    marked = np.arange(len(x))[every] if line.get_marker() not in ("None", "") else []
    assert set(places) <= set(marked)


NAN = np.nan
LONE = {
    "none": ([], []),
    "one": ([1], [0]),
    "two": ([1, 2], []),
    "first": ([1, NAN, 2, 3], [0]),
    "last": ([1, 2, NAN, 3], [3]),
    "middle": ([1, 2, NAN, 3, NAN, 4, 5], [3]),
    "every second": ([1, NAN, 2, NAN, 3], [0, 2, 4]),
    "no finite one": ([NAN, np.inf], []),
}


@pytest.mark.parametrize("markers", [{}, {"marker": "s", "markevery": 4}, {"marker": "s"}])
@pytest.mark.parametrize("kind", LONE)
def test_points_without_neighbours_are_marked(kind, markers):
    values, alone = LONE[kind]
    figure, (axes,) = style.new_figure()
    (line,) = axes.plot(np.arange(len(values)), values, **markers)
    before = set(range(0, len(values), 4)) if "markevery" in markers else set()
    lone_points.show_lone_points(figure)
    if alone and len(markers) != 1:
        assert set(line.get_markevery()) == before | set(alone)
        assert line.get_marker() == markers.get("marker", "o")
    else:
        assert line.get_markevery() == markers.get("markevery")
    FigureCanvasAgg(figure).draw()


def test_a_logarithm_s_neighbours_are_those_above_zero():
    figure, (axes,) = style.new_figure()
    (line,) = axes.plot([1, 2, 3], [0, 1, 0])
    axes.set_yscale("log")
    lone_points.show_lone_points(figure)
    assert line.get_markevery() == [1]


@pytest.mark.parametrize("hatch", ["", "///"])
def test_a_filling_of_one_point_is_a_bar(hatch):
    figure, (axes,) = style.new_figure()
    lower, upper = np.array([1, NAN, 1, 1]), np.array([2.0, 2, 2, 2])
    lone_points.fill(axes, np.arange(4), lower, upper, "#0072B2", 0.3, hatch)
    bars = [c for c in axes.collections if len(c.get_paths()) and c.get_linewidth()[0] == 5]
    assert [bar.get_paths()[0].vertices.tolist() for bar in bars] == [[[0, 1], [0, 2]]]


BLANK = {
    "nothing": (lambda axes: None, "no data"),
    "a label alone": (lambda axes: axes.plot([], [], label="x"), "no data"),
    "not finite": (lambda axes: axes.plot([0, 1], [NAN, np.inf]), "no value that can be drawn"),
    "below a logarithm": (
        lambda axes: (axes.set_yscale("log"), axes.plot([1, 2], [0, -1])),
        "no value that can be drawn",
    ),
    "an empty filling": (
        lambda axes: lone_points.fill(axes, np.arange(2), np.full(2, NAN), np.ones(2), "k", 0.3),
        "no data",
    ),
    "a line": (lambda axes: axes.plot([0, 1], [1, 2]), None),
    "a filling": (lambda axes: axes.fill_between([0, 1], [1, 2], [2, 3]), None),
    "bars": (lambda axes: axes.bar([0], [0]), None),
    "an image": (lambda axes: axes.imshow(np.zeros((2, 2))), None),
    "words": (lambda axes: axes.text(0, 0, "x"), None),
}


@pytest.mark.parametrize("kind", BLANK)
def test_axes_without_data_say_so(kind):
    fill, words = BLANK[kind]
    figure, panels = style.new_figure(3, 2)
    fill(panels[0])
    lone_points.show_lone_points(figure)
    said = [text.get_text() for text in panels[0].texts if text.get_text() != "x"]
    assert said == ([words] if words else [])
    assert [text.get_text() for text in panels[1].texts] == ["no data"]
    hidden = figure.axes[3]
    assert not hidden.get_visible() and not hidden.texts


def test_a_run_lost_at_its_first_step_has_axes_that_say_so(tmp_path):
    """Here the runs without BatchNorm: their panel is empty, the others are as ever."""
    rates, lost = (1e-3, 2e-3), {"plain-0.001": 0, "plain-0.002": 0}
    records = figures.read_run(write_run(tmp_path, rates=rates, diverge=lost))
    panels = figures.FIGURES["loss_curves"].draw(records).axes
    assert [len(axes.texts) for axes in panels] == [0, 1]
