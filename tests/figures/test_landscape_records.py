"""Figures of what was measured at a run's weights, beside those of its training."""

import numpy as np
import pytest
from made_inside import make_run, words
from made_records import write_run
from made_report import finish

from jaxcifar import figures, report
from jaxcifar.figures import chosen_layers, landscapes, shifts_of_weights, spectrum, surfaces
from jaxcifar.records import covariate_shift, hessians
from jaxcifar.records import landscapes as records
from jaxcifar.records.covariate_shift import Shift
from jaxcifar.records.hessians import Hessian
from jaxcifar.records.landscapes import Landscape
from jaxcifar.report import captions

PIXEL = bytes.fromhex(  # a whole PNG
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b55"
    "0000000a49444154789c63f80f00010101005a4d6fb60000000049454e44ae426082"
)
ABOUT = {
    "study": "bn:quick", "data": "synthetic", "batchnorm": True, "split": "train",
    "mode": "train", "batch": 8, "examples": 16, "network": "vgg_a",
}  # fmt: skip
LAYERS = {
    "bn-0.001": ("conv1", "bn1", "conv2", "bn2", "fc"),
    "plain-0.001": ("conv1", "conv2", "fc"),
}


def shift(name="bn-0.001", which="best", **changes):
    layers, rng = LAYERS[name], np.random.default_rng(len(name))
    shape = (2, len(layers))
    distance = rng.uniform(0.1, 3, shape)
    distance[:, 0] = 0
    about = {**ABOUT, "name": name, "which": which, "size": 0.1, "batches": 2}
    found = Shift(layers, np.arange(2), np.ones(shape), distance, np.cos(distance), about)
    return found._replace(**changes)


def curvature(name="bn-0.001", which="step:9"):
    about = {**ABOUT, "name": name, "which": which, "top": 1, "trace": 2, "density": 1, "seed": 0}
    return Hessian(
        100, about, np.array([9.0]), np.array([0.1]), np.array([-1.0]), np.array([0.1]),
        np.array([5]), np.ones(1, bool), np.array([20.0, 30.0]), np.array([[-1.0, 1, 9]]),
        np.array([[0.1, 0.8, 0.1]]),
    )  # fmt: skip


def valley(name="bn-0.001"):
    axis = np.linspace(-1, 1, 5)
    about = {**ABOUT, "name": name, "which": "best", "seed": 0, "normalise": "filter"}
    return Landscape("line", axis, None, 1 + axis**2, None, about)


def write(run, *found):
    for each in found:
        if isinstance(each, Landscape):
            path = run / records.FOLDER / records.file_name(each)
            records.write(path, each, {}, np.ones(each.loss.shape, bool))
            continue
        module = covariate_shift if isinstance(each, Shift) else hessians
        module.write(run / records.FOLDER / module.file_name(each), each, {})


def save(figure, stem):
    """The name and one white pixel: what is drawn has tests of its own."""
    assert figure.axes
    stem.parent.mkdir(exist_ok=True)
    stem.with_suffix(".png").write_bytes(PIXEL)
    return [stem.with_suffix(".png")]


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setattr(figures, "FIGURES", {})
    monkeypatch.setattr(figures, "INSIDE", {})
    monkeypatch.setattr(figures, "save", save)
    return finish(write_run(tmp_path, rates=(1e-3,)))


def names_of(run):
    return sorted({path.stem for path in figures.draw_all(run)})


def test_all_records_of_a_folder_are_drawn_and_shown_in_the_report(run):
    assert names_of(run) == []
    write(run, shift(which="step:9"), shift("plain-0.001", "step:9"), shift(which="step:20"),
          shift("plain-0.001", "step:20"), curvature(), valley())  # fmt: skip
    wanted = {
        f"{covariate_shift.group_name(shift())}-layers",
        f"{covariate_shift.group_name(shift())}-training",
        f"{hessians.group_name(curvature())}-spectrum",
        f"{records.group_name(valley())}-curve",
    }  # fmt: skip
    assert set(names_of(run)) == wanted
    page = report.write(run)[0].read_text()
    for name in wanted:
        assert f"figures/{name}.png" in page
    for text in ("Internal covariate shift of every layer at trained weights",
                 "Density of the eigenvalues", "along a random direction"):  # fmt: skip
        assert text in page


@pytest.mark.parametrize("found, kind", [
    (shift(), "shifts"), (curvature(), "hessians"), (valley(), "landscapes"),
])  # fmt: skip
def test_a_damaged_record_costs_its_own_figures_alone(run, found, kind):
    write(run, found)
    (path,) = (run / records.FOLDER).iterdir()
    path.write_bytes(b"PK")
    write(
        run, *(each for each in (shift(), curvature(), valley()) if type(each) is not type(found))
    )
    with pytest.raises(figures.UndrawnError, match=f"not drawn: {kind} .*{path.name}") as error:
        figures.draw_all(run)
    assert len({file.stem for file in error.value.files}) == 2
    assert len(str(error.value).splitlines()) <= 3


def test_every_kind_of_figure_has_a_caption():
    told = captions.LANDSCAPES
    for kind in records.KINDS:
        assert kind in told
    for name, module in (("hessian", spectrum), ("shift", shifts_of_weights)):
        assert {f"{name}-{end}" for end in module.FIGURES} <= told.keys()
    assert set(told) == {*records.KINDS, *(f"hessian-{end}" for end in spectrum.FIGURES),
                         *(f"shift-{end}" for end in shifts_of_weights.FIGURES)}  # fmt: skip
    assert {*surfaces.PLANES, *surfaces.LINES} == {"contour", "filled", "3d", "curve"}


def test_shifts_of_two_networks_stand_on_the_layers_that_both_have():
    figure = shifts_of_weights.of_weights([shift(), shift("plain-0.001")])
    labels = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert labels == ["conv2", "fc"], "the first layer cannot shift"
    said = words(figure)
    assert "BatchNorm by the statistics of each batch of 8" in said
    assert "a step of 0.1 along their gradients" in said and "16 images (train)" in said
    assert "bn-0.001" in said and "plain-0.001" in said


def test_where_not_all_fit_the_last_weights_of_each_are_drawn():
    kinds = ["best", *(f"step:{step}" for step in range(1, 5))]
    found = [shift(name, which) for name in LAYERS for which in kinds]
    said = words(shifts_of_weights.of_weights(found))
    assert "Drawn: the last weights of each member." in said and "weights: step:4" in said
    assert "best" in words(shifts_of_weights.of_weights(found[:4]))


def test_lines_along_training_are_means_over_batches():
    rows = [shift(which="step:9"), shift(which="step:20")]
    rows[1].distance[0, 2] = np.nan  # of conv2
    figure = shifts_of_weights.along_training(rows)
    assert [axes.get_title() for axes in figure.axes] == 2 * ["conv2", "fc"]
    (line,) = figure.axes[0].lines
    place = rows[0].layers.index(figure.axes[0].get_title())
    assert place > 0, "the first layer cannot shift"
    wanted = [np.nanmean(each.distance[:, place]) for each in rows]
    np.testing.assert_allclose(line.get_ydata(orig=False), wanted)
    assert list(line.get_xdata(orig=False)) == [9, 20]
    assert "Not finite and left out: 1 distance." in words(figure)


@pytest.mark.parametrize("names, wanted", [
    (("a",), ("a",)), (("a", "b"), ("a", "b")), (tuple("abcde"), ("a", "c", "e")), ((), ()),
])  # fmt: skip
def test_the_first_the_middle_and_the_last(names, wanted):
    assert chosen_layers.spread(names) == wanted


def test_no_normalisation_is_picked():
    layers = ("conv1", "bn1", "conv2", "bn2", "fc")
    assert list(chosen_layers.picked(layers, [layers], skipped=1).values()) == ["conv2", "fc"]
    assert list(chosen_layers.picked(layers, [layers]).values()) == ["conv1", "conv2", "fc"]


def test_networks_without_a_layer_in_common_show_their_own():
    networks = [("a1", "bn1", "a2", "a3"), ("b1", "b2", "b3")]
    found = [chosen_layers.picked(layers, networks) for layers in networks]
    assert list(found[0]) == list(found[1]) == ["first layer", "middle layer", "last layer"]
    assert list(found[0].values()) == ["a1", "a2", "a3"]
    assert chosen_layers.normed(networks[0], "a1") == "bn1"
    assert chosen_layers.normed(networks[1], "b3") == "b3"


@pytest.mark.parametrize("part, wanted", [
    ("covariate_shift", {"covariate_shift_distance", "covariate_shift_cosine",
                         "covariate_shift_layers"}),
    ("activations", {"activation_distributions"}),
])  # fmt: skip
def test_what_training_saw_of_its_layers_is_drawn(tmp_path, part, wanted):
    run = make_run(tmp_path, canet=False, parts=(part,), rates=(0.1,))
    drawn = dict(figures.drawings(run, {*figures.INSIDE} - {"accuracy_by_size"}))
    assert set(drawn) == wanted
    for figure in drawn.values():
        assert "Data: synthetic, study bn:quick, n = 1 seed." in words(figure)


def test_bands_of_activations_are_those_of_the_largest_rate_that_all_have(tmp_path):
    run = make_run(tmp_path, canet=False, parts=("activations",), rates=(0.1, 0.2))
    inside = figures.read_inside(run)
    lost = inside.activations["plain-0.2"]
    lost.mean[-1] = np.nan
    figure = figures.INSIDE["activation_distributions"].draw(figures.read_run(run), inside)
    said = words(figure)
    assert (
        "Learning rate 0.1, of 2 that were recorded" in said and "Not finite and left out" in said
    )
    found = inside.activations["bn-0.1"]
    median = next(line for line in figure.axes[0].lines if line.get_linestyle() == "-")
    place = found.layers.index("bn1")
    np.testing.assert_array_equal(median.get_ydata(orig=False), found.quantiles[:, place, 4])


def test_rows_need_no_folder(tmp_path):
    assert list(landscapes.rows(tmp_path)) == []
