"""What the figures of single themes draw: the numbers behind lines, bars, ridges and pictures."""

import json

import numpy as np
import pytest
from made_inside import change_summary, make_run, read, words
from made_records import write_run

from jaxcifar import figures
from jaxcifar.figures import (
    best_lines,
    filters,
    layers,
    point_labels,
    shown_members,
    singular_values,
    sizes,
    style,
    test_set_counts,
    weight_histograms,
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("run"), rates=(1e-3,))


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """Eight rows of two seeds."""
    return make_run(tmp_path_factory.mktemp("many"), seeds=2)


def test_best_lines_run_on_from_the_best_so_far(tmp_path):
    folder = write_run(tmp_path, rates=(1e-3, 5e-4), norms=("batch",), epochs=4)
    values = {"bn-0.001": [0.2, 0.5, 0.4, 0.6], "bn-0.0005": [0.3, None, 0.55, 0.1]}
    lines = [{"member": name, "epoch": float(e + 1), "step": 10 * e + 10, "val_accuracy": a}
             for name, row in values.items() for e, a in enumerate(row)]  # fmt: skip
    lines.append({"member": "bn-0.001", "epoch": 0.0, "step": 0, "val_accuracy": 0.9})
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    records = figures.read_run(folder)
    found = best_lines.curves_of(records, "val_accuracy", 100.0)
    np.testing.assert_allclose(found["bn-0.0005"][0].epochs, [1, 3, 4])
    both = [curve for curves in found.values() for curve in curves]
    whole = best_lines.best_of_all(both, np.fmax.accumulate)
    np.testing.assert_allclose(whole.epochs, [1, 2, 3, 4])
    np.testing.assert_allclose(whole.values, [30, 50, 55, 60])
    figure = best_lines.accuracy_best_lines(records)
    np.testing.assert_allclose(figure.axes[0].lines[1].get_ydata(), [20, 50, 50, 60])
    said = words(figure)
    assert "bn-0.0005: 10.0, 55.0" in said and "best of all runs: 60.0" in said
    assert figure.axes[0].get_xscale() == figure.axes[0].get_yscale() == "log"


def test_the_lowest_loss_is_the_best(many):
    records = figures.read_run(many)
    whole = best_lines.best_of_all(
        [c for curves in best_lines.curves_of(records, "val_loss").values() for c in curves],
        np.fmin.accumulate,
    )
    lowest = min(rows["val_loss"].min() for rows in records.evaluations.values())
    assert whole.values[-1] == lowest
    assert f"best of all runs: {lowest:.3f}" in words(best_lines.loss_best_lines(records))


def test_only_so_many_lines_have_a_name(many, monkeypatch):
    monkeypatch.setattr(best_lines, "MOST", 2)
    records = figures.read_run(many)
    reached = {name: min(curve.values.min() for curve in curves)
               for name, curves in best_lines.curves_of(records, "val_loss").items()}  # fmt: skip
    kept = sorted(reached, key=reached.get)[:2]
    said = words(best_lines.loss_best_lines(records))
    assert [name for name in reached if f"{name}: " in said] == [n for n in reached if n in kept]
    assert "Drawn of 8: the 2 members with the best values" in said


def test_points_are_means_over_seeds_of_the_reported_weights(many):
    change_summary(many, lambda rank, row: row["test"]["best"].update(accuracy=0.5 + 0.01 * rank))
    points = {point.name: point for point in sizes.points_of(*read(many))}
    assert len(points) == 8
    first = points["bn-0.001"]
    assert (first.low, first.mean, first.high) == pytest.approx((0.5, 0.54, 0.58))
    assert first.parameters == 1000


def test_published_points_stand_beside_ours(run):
    published = [("bn-0.001", 900.0, 0.9), ("somebody", 5000.0, 0.7)]
    figure = sizes.accuracy_by_size(*read(run), published)
    said = words(figure)
    assert "published" in said and "somebody" in said and said.count("bn-0.001") == 1
    marks = figure.axes[0].lines[-1]
    np.testing.assert_allclose(marks.get_ydata(), [90, 70])
    assert "published" not in words(sizes.accuracy_by_size(*read(run)))


def test_names_of_points_do_not_cover_each_other():
    figure, (axes,) = style.new_figure()
    axes.set(xlim=(0, 10), ylim=(0, 10))
    points = [(5 + 0.05 * i, 5 + 0.02 * (i % 3)) for i in range(9)]
    point_labels.name_points(figure, axes, points, [f"network {i}" for i in range(9)])
    boxes = [text.get_window_extent() for text in axes.texts if text.get_text()]
    assert len(boxes) == 9
    for index, box in enumerate(boxes):
        assert axes.bbox.x0 <= box.x0 and box.x1 <= axes.bbox.x1
        for other in boxes[:index]:
            assert not (box.x0 < other.x1 - 1 and other.x0 < box.x1 - 1
                        and box.y0 < other.y1 - 1 and other.y0 < box.y1 - 1)  # fmt: skip


def test_names_do_not_cover_points_that_have_none():
    def offset(nameless):
        figure, (axes,) = style.new_figure()
        axes.set(xlim=(0, 10), ylim=(0, 10))
        point_labels.name_points(figure, axes, [(5, 5)], ["network"], nameless)
        return axes.texts[0].get_position()[0]

    assert offset([]) > 0 > offset([(5.4, 5)])


def test_filters_are_normalised_each_by_itself():
    kernel = np.zeros((2, 2, 3, 3))
    kernel[..., 1], kernel[..., 2] = 5.0, -0.5
    kernel[0, 0, 0, 2] = 0.25
    picture = filters.mosaic(kernel)
    assert picture.shape == (4, 25, 3) and picture[0].min() == 1  # white between
    np.testing.assert_array_equal(picture[1:3, 1:3], 1.0)  # the largest norm first
    np.testing.assert_array_equal(picture[1, 4], [0.75, 0, 0])
    np.testing.assert_array_equal(picture[1:3, 7:9], 0.5)  # no weights: grey
    assert filters.mosaic(np.ones((1, 1, 3, 100))).shape == (8, 8, 3)


def test_ridges_are_of_chosen_kernels():
    assert (
        weight_histograms.outer_leaves(("a/kernel",)) == ("a/kernel",)
        and weight_histograms.outer_leaves(()) == ()
    )


@pytest.mark.parametrize("leaves, chosen", [  # as networks name them, in the order of the alphabet
    ("bn/scale conv1/kernel conv2/kernel conv3/kernel fc1/kernel fc2/kernel", "conv1 conv3 fc2"),
    ("conv1/kernel fc/kernel stage1_first/conv1/kernel stage1_rest_0/conv1/kernel "
     "stage1_rest_10/conv1/kernel stage1_rest_2/conv1/kernel stage2_first/conv1/kernel "
     "stage3_first/conv1/kernel", "conv1 stage1_rest_10/conv1 fc"),
    ("blocks/conv1/kernel conv1/kernel encoder/conv1/kernel encoder/fc/kernel",
     "conv1 encoder/conv1 encoder/fc"),
    ("conv1/kernel conv2/kernel fc/kernel stage1_0/expand_conv/kernel stage7_0/expand_conv/kernel",
     "conv1 stage7_0/expand_conv fc"),
    ("fc/kernel fc1/kernel fc10/kernel fc2/kernel fc9/kernel", "fc1 fc9 fc"),
    ("fc1/kernel fc2/kernel res0/conv1/kernel res1/conv1/kernel", "res0/conv1 fc1 fc2"),
])  # fmt: skip
def test_the_first_middle_and_last_kernel_are_found_by_name(leaves, chosen):
    expected = tuple(f"{name}/kernel" for name in chosen.split())
    assert weight_histograms.outer_leaves(leaves.split()) == expected


def test_ridges_of_canets_are_of_their_first_block(run):
    assert weight_histograms.canets(figures.read_inside(run))["bn-0.001"] == (
        "res0/conv2/kernel", "res0/se/kernel7", "res0/sa/conv/kernel", "res0/unit/conv1/kernel",
    )  # fmt: skip


def test_ridge_epochs_hold_both_ends_and_leave_out_what_is_missing():
    known = np.ones(101, bool)
    known[0] = False
    chosen = weight_histograms.ridge_epochs(known)
    assert len(chosen) == 12 and chosen[0] == 1 and chosen[-1] == 100
    np.testing.assert_array_equal(
        weight_histograms.ridge_epochs(np.array([True, False, True])), [0, 2]
    )
    assert len(weight_histograms.ridge_epochs(np.zeros(3, bool))) == 0


def test_outlines_follow_the_histogram():
    x, height = weight_histograms.outline(np.array([1, 4]), -1.0, 1.0)
    np.testing.assert_array_equal(x, [-1, -1, 0, 0, 1, 1])
    np.testing.assert_array_equal(height, [0, 0.25, 0.25, 1, 1, 0])


def test_axes_hold_all_but_the_rarest_weights():
    usual = np.array([1, 0, 4999, 5000, 0, 0])
    assert weight_histograms.held(usual, 0.0, 6.0) == (2.0, 4.0)
    assert weight_histograms.held(np.array([1, 0, 0, 2]), 0.0, 4.0) == (
        0.0,
        4.0,
    )  # three weights: all


def test_few_weights_share_wider_bins():
    counts_of_few = np.zeros(64, int)
    counts_of_few[[0, 1, 63]] = 1
    np.testing.assert_array_equal(weight_histograms.merged(counts_of_few), [2, 0, 0, 0, 0, 0, 0, 1])
    assert len(weight_histograms.merged(np.full(64, 4))) == 64


def test_profiles_are_means_over_seeds(many):
    records, found = read(many)
    row = shown_members.rows_of(records, found.probes)[0]
    expected = np.mean([found.probes[name].final_rms for name in row.ids], axis=0)
    np.testing.assert_array_equal(layers.over_seeds(found, row, "final_rms"), expected)
    line = layers.activation_rms(records, found).axes[1].lines[0]
    np.testing.assert_allclose(line.get_ydata(), expected[[0, 2, 4, 6, 8, 10, 12]])  # no norms


def test_layers_are_named_where_all_networks_have_them(run, monkeypatch):
    figure = layers.activation_rms(*read(run))
    assert "conv3" in words(figure) and "bn3" in words(layers.dead_units(*read(run)))
    monkeypatch.setattr(layers, "MOST_NAMES", 3)
    said = words(layers.dead_units(*read(run)))
    assert "bn3" not in said and "depth (layers, in the order they run)" in said


def test_networks_of_different_depth_share_axes(tmp_path):
    folder = make_run(tmp_path, rates=(1e-3,), parts=("probes",))
    records, found = read(folder)
    short = found.probes["bn-0.001"]
    fields = ("initial_rms", "final_rms", "initial_dead", "final_dead", "layers")
    found.probes["bn-0.001"] = short._replace(**{f: getattr(short, f)[:5] for f in fields})
    for draw, last in ((layers.activation_rms, 12), (layers.dead_units, 5)):
        figure = draw(records, found)
        said = words(figure)
        assert "conv1" not in said and "bn1" not in said and figure.axes[0].get_xlim()[1] > last


def test_dead_channels_are_shown_of_units_alone(tmp_path):
    """Six convolutions give way to their BatchNorms, the last layer gives the logits."""
    records, found = read(make_run(tmp_path, rates=(1e-3,), parts=("probes",)))
    figure = layers.dead_units(records, found)
    labels = [text.get_text() for text in figure.axes[-1].get_xticklabels()]
    assert labels == [f"bn{number}" for number in range(1, 7)]
    after = figure.axes[0].lines[1].get_ydata()
    np.testing.assert_allclose(after, 100 * found.probes["bn-0.001"].final_dead[1:12:2])


def test_singular_values_are_relative_to_the_largest():
    x, y = singular_values.normalised(np.array([4.0, 2.0, 1.0, 1e-9, np.nan]))
    np.testing.assert_allclose(x, [25, 50, 75])
    np.testing.assert_allclose(y, [1, 0.5, 0.25])
    assert len(singular_values.normalised(np.full(3, np.nan))[0]) == 0


def test_wrong_predictions_are_marked_by_more_than_colour(run):
    records, found = read(run)
    probes = found.probes["plain-0.001"]
    guesses = probes.sample_probabilities.argmax(-1)
    labels_of = np.where(np.arange(16) % 3, guesses, (guesses + 1) % 10)
    probes = probes._replace(sample_labels=labels_of)
    only = found._replace(probes={"plain-0.001": probes})
    figure = figures.INSIDE["sample_predictions"].draw(records, only)
    titles = [axes.get_title() for axes in figure.axes]
    assert len(titles) == 16 and sum("\u2717" in title for title in titles) == 6
    thick = [axes.spines["top"].get_linewidth() > 2 for axes in figure.axes]
    assert thick == ["\u2717" in title for title in titles]
    assert (
        figure.axes[0]
        .get_title()
        .startswith(f"true: {test_set_counts.classes(found)[probes.sample_labels[0]]}")
    )


def test_maps_stand_beside_their_images(run):
    records, found = read(run)
    figure = figures.INSIDE["attention_maps"].draw(records, found)
    probes = found.probes["bn-0.001"]
    line = figure.axes[7:14]  # the second sample: an image and six maps
    np.testing.assert_array_equal(line[0].images[0].get_array(), probes.sample_images[1])
    np.testing.assert_array_equal(line[3].images[0].get_array(), probes.attention[2, 1])
    assert figure.axes[3].get_title().startswith("res2/sa\n")


@pytest.mark.parametrize("looks", [style.SERIES, style.RATES])
def test_more_things_than_colours_still_look_different(looks):
    several = [style.look(looks, index) for index in range(len(looks) ** 2)]
    assert several[: len(looks)] == list(looks)
    assert len({(shape.color, shape.marker) for shape in several}) == len(several)
