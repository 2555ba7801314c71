"""Figures of many networks with long names: all of it stays on the paper."""

import json

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
