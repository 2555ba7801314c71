"""The page's figures: what they draw and say."""

import matplotlib
import numpy as np
import pytest
from made_bn import RATES, make

from jaxcifar.report import run_records
from jaxcifar.reproduction import reference
from jaxcifar.reproduction.batchnorm import measures, pictures

BN = reference.load("bn")
NAMES = ("loss_band_steps", "loss_band_epochs", "band_width", "train_loss", "accuracy",
         "gradient_range", "first_conv")  # fmt: skip


@pytest.fixture(scope="module")
def view(tmp_path_factory):
    folder = make(tmp_path_factory.mktemp("r0"), "r0", "R0", epochs=6, seeds=2)
    return measures.view(run_records.read(folder))


def figures_of(view, report="R0", rates=RATES):
    return {shown.name: shown.draw for shown in pictures._figures(view, report, BN[report], rates)}


def words(figure):
    return " ".join(
        text.get_text().replace("\n", " ") for text in figure.findobj(matplotlib.text.Text)
    )


def lines(axes, dotted):
    """Curves of recorded points, or the others."""
    return [line for line in axes.lines if (line.get_linestyle() == ":") == dotted]


@pytest.mark.parametrize("name", NAMES)
def test_every_figure_names_data_seeds_and_axes(view, name):
    figure = figures_of(view)[name]()
    said = words(figure)
    assert "Data: CIFAR-10 (JPEG), study bn:r0, n = 2 seeds" in said
    assert figure.axes[0].get_xlabel() and figure.axes[0].get_ylabel()
    assert "shaded: lowest to highest seed" in said or "pale: as far as any seed reaches" in said


def test_recorded_points_end_with_our_epochs(view):
    figure = figures_of(view)["train_loss"]()
    for axes, network in zip(figure.axes, measures.NETWORKS, strict=True):
        found = lines(axes, dotted=True)
        assert len(found) == 4
        recorded = reference.curve(BN["R0"], "train_loss", network).values[:, :6]
        for row, line in zip(recorded, found, strict=True):
            np.testing.assert_array_equal(line.get_xdata(), range(1, 7))
            np.testing.assert_array_equal(line.get_ydata(), row)
    assert "Recorded: R0's own log, one run" in words(figure)


def test_our_lines_are_means_over_seeds_and_the_shade_their_ends(view):
    figure = figures_of(view)["band_width"]()
    values = measures.widths_of_means(view, "bn")
    (axes,) = figure.axes
    np.testing.assert_allclose(lines(axes, dotted=False)[0].get_ydata(), values.mean(0))
    shade = axes.collections[0].get_paths()[0].vertices[:, 1]
    assert shade.min() == values.min() and shade.max() == values.max()


def test_the_recorded_band_stands_beside_ours(view):
    ours, recorded = figures_of(view)["loss_band_epochs"]().axes
    losses = reference.curve(BN["R0"], "train_loss", "bn").values[:, :6]
    np.testing.assert_allclose(recorded.lines[0].get_ydata(), losses.mean(0))
    assert recorded.get_title() == "recorded: R0" and ours.get_ylim() == recorded.get_ylim()


def test_the_pale_band_reaches_as_far_as_any_seed(view):
    (axes,) = figures_of(view)["loss_band_steps"]().axes
    losses = view.run.records.steps["loss"]
    rows = [row for (network, *_), row in view.cells.items() if network == "bn"]
    pale = axes.collections[0].get_paths()[0].vertices[:, 1]
    assert pale.min() == losses[rows].min() and pale.max() == losses[rows].max()


def test_other_rates_stand_beside_nothing(view):
    shown = figures_of(view, rates=[0.1])
    assert len(shown["loss_band_epochs"]().axes) == 1
    figure = shown["train_loss"]()
    assert not lines(figure.axes[0], dotted=True) and "Recorded" not in words(figure)


def test_validation_accuracy_says_that_the_record_is_of_the_test_set(tmp_path):
    changes = {"select_on": "validation"}
    folder = make(tmp_path, "default", changes=changes, epochs=2, seeds=1)
    view = measures.view(run_records.read(folder))
    said = words(figures_of(view, "R1")["accuracy"]())
    assert "Ours: accuracy on: validation; recorded: test set" in said
    assert "shaded: lowest" not in said


def test_the_gradient_range_has_the_readings_of_the_plot(view):
    (axes,) = figures_of(view, "R1")["gradient_range"]().axes
    np.testing.assert_array_equal(lines(axes, dotted=True)[1].get_ydata(), [0.123, 0.148])
    assert "first_conv" not in figures_of(view, "R1")
