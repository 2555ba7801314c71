"""Figures of many networks with long names: all of it stays on the paper."""

import json
from itertools import pairwise

import pytest
from made_records import write_run
from matplotlib.text import Text

from jaxcifar import figures


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """Twelve networks, each at one of four learning rates."""
    folder = tmp_path_factory.mktemp("many")
    norms = ("batch", "none", "other")
    config = json.loads((write_run(folder, norms=norms) / "config.json").read_text())
    for number, member in enumerate(config["members"]):
        settings = {"width": 1 / (number + 3), "input_dropout2d": 1 / (number + 7)}
        member["config"]["model"] |= settings
        member["overrides"] |= {f"model.{name}": value for name, value in settings.items()}
    (folder / "config.json").write_text(json.dumps(config))
    return figures.read_run(folder)


def test_long_fractions_are_cut(many):
    assert len(many.series) == 12
    assert many.series[0] == "VGG-A with BatchNorm, width=0.333333, input_dropout2d=0.142857"


@pytest.mark.parametrize("name", figures.FIGURES)
def test_all_words_lie_within_the_figure(name, many):
    figure = figures.FIGURES[name].draw(many)
    figure.draw_without_rendering()
    width, height = figure.bbox.size
    ticks = {tick for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)
             for tick in axis.get_ticklabels(which="both")}  # fmt: skip
    for text in set(figure.findobj(Text)) - ticks:  # ticks beyond an axis are not drawn
        if text.get_visible() and text.get_text():
            box = text.get_window_extent()
            where = f"{text.get_text()!r} at {box}"
            assert min(box.x0, box.y0) > -2 and box.x1 < width + 2 and box.y1 < height + 2, where


@pytest.mark.parametrize("name", ["loss_band_steps", "learning_rates"])
def test_numbers_below_many_steps_stay_apart(name, tmp_path):
    figure = figures.FIGURES[name].draw(figures.read_run(write_run(tmp_path, epochs=50, spe=391)))
    figure.draw_without_rendering()
    axis = figure.axes[0].xaxis
    low, high = axis.get_view_interval()
    shown = [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
    boxes = [label.get_window_extent() for label in shown]
    assert len(boxes) > 2
    assert all(left.x1 + 5 < right.x0 for left, right in pairwise(boxes))
