"""Numbers over the learning rate: what is drawn, and what lies beyond the axis."""

import numpy as np
import pytest
from made_records import write_run

from jaxcifar.figures.over_rates import over_rates
from jaxcifar.records.curves import read_run

RATES = (1e-4, 2e-4, 4e-4)


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    return read_run(write_run(tmp_path_factory.mktemp("run") / "r", seeds=2, epochs=1))


BEYOND = [  # the values of a line -> what its line holds, and which rates have a cross
    ([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]], [1, 2, 3], []),
    ([[1.0, 2.0, np.inf], [1.0, 2.0, 3.0]], [1, 2, np.nan], [4e-4]),
    ([[1.0, 4.0, 9.0]], [1, 4, np.nan], [4e-4]),  # at the edge is within
    ([[np.inf] * 3], [np.nan] * 3, list(RATES)),
    ([[1.0, np.nan, 2.0]], [1, np.nan, 2], []),  # not there is not beyond
]  # fmt: skip


@pytest.mark.parametrize("values, line, crosses", BEYOND)
def test_what_lies_beyond_the_axis_is_a_cross_at_its_edge(records, values, line, crosses):
    figure = over_rates(records, {"a": np.array(values)}, RATES, "loss (nats)", "Why", 2.3, 4.0)
    (axes,) = figure.axes
    drawn, *beyond, limit = axes.get_lines()
    np.testing.assert_array_equal(drawn.get_ydata(), line)
    assert [x for each in beyond for x in each.get_xdata()] == crosses
    assert all((each.get_ydata() == 4).all() for each in beyond)
    assert list(limit.get_ydata()) == [2.3, 2.3]
    assert axes.get_xscale() == "log" and axes.get_ylabel() == "loss (nats)"
    assert axes.get_ylim()[1] == pytest.approx(4.12) if crosses else axes.get_ylim()[1] < 4
    assert "Why" in figure._supxlabel.get_text()


def test_every_series_is_named_and_seeds_are_shaded(records):
    values = {name: np.array([[1.0, 2.0, 3.0], [2.0, 3.0, 4.0]]) for name in "abcd"}
    figure = over_rates(records, values, RATES, "accuracy (%)")
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == list("abcd")
    assert len(figure.axes[0].collections) == 4
    assert "lowest to highest seed" in figure._supxlabel.get_text().replace("\n", " ")
    looks = {(line.get_color(), line.get_linestyle()) for line in figure.axes[0].get_lines()}
    assert len(looks) == 4
