"""Figures drawn from records written here."""

import json

import matplotlib
import numpy as np
import pytest
from made_records import write_run
from PIL import Image

from jaxcifar import figures
from jaxcifar.figures import curves, landscape, style


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("run"))


def words(figure):
    """All text of a figure."""
    return "\n".join(
        text.get_text().replace("\n", " ") for text in figure.findobj(matplotlib.text.Text)
    )


def test_draws_every_figure_in_both_formats(run):
    written = figures.draw_all(run)
    names = {f"{name}.{suffix}" for name in figures.FIGURES for suffix in ("png", "svg")}
    assert {path.name for path in written} == names
    assert {path.name for path in (run / "figures").iterdir()} == names
    for path in written:
        start = b"\x89PNG" if path.suffix == ".png" else b"<?xml"
        content = path.read_bytes()
        assert content.startswith(start) and len(content) < 300_000


def test_the_same_records_give_the_same_bytes(run, monkeypatch):
    rows = {name: figures.FIGURES[name] for name in ("loss_band_steps", "loss_curves")}
    monkeypatch.setattr(figures, "FIGURES", rows)
    first = {path: path.read_bytes() for path in figures.draw_all(run)}
    with matplotlib.rc_context({"font.size": 20, "svg.hashsalt": "other"}):  # nor a user's style
        assert {path: path.read_bytes() for path in figures.draw_all(run)} == first


@pytest.fixture
def unsaved(monkeypatch):
    """`draw_all` gives the names of the figures it would have saved."""
    monkeypatch.setattr(figures, "save", lambda figure, stem: [stem.name])


@pytest.mark.parametrize("name", figures.FIGURES)
def test_every_figure_names_its_data_and_axes(name, run):
    figure = figures.FIGURES[name].draw(figures.read_run(run))
    assert "Data: synthetic, study bn:quick, n = 1 seed." in words(figure)
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert shown[0].get_ylabel() and shown[-1].get_xlabel()
    assert len({axes.get_ylim() for axes in shown}) == 1


def test_series_are_networks_and_their_names_say_what_differs(run, tmp_path):
    records = figures.read_run(run)
    assert records.series == ("VGG-A with BatchNorm", "VGG-A without BatchNorm")
    assert records.learning_rates == (1e-4, 5e-4, 1e-3, 2e-3)
    alone = figures.read_run(write_run(tmp_path, rates=(1e-3,), norms=("batch",)))
    assert alone.series == ("VGG-A",)


def test_series_band_is_the_envelope_of_its_runs(run):
    records = figures.read_run(run)
    for series in records.series:
        losses = records.steps["loss"][records.rows(series)]
        band = landscape.series_band(records, series)
        np.testing.assert_array_equal(band.lower, losses.min(0))
        np.testing.assert_array_equal(band.upper, losses.max(0))
        epochs = landscape.epoch_band(records, series)
        means = losses.reshape(4, 4, 10).mean(2)
        np.testing.assert_allclose(epochs.upper, means.max(0))
        np.testing.assert_allclose(epochs.mean, means.mean(0))


def test_edges_are_averaged_over_seeds(tmp_path):
    records = figures.read_run(write_run(tmp_path, seeds=3, norms=("none",)))
    losses = records.steps["loss"].reshape(3, 4, 40)
    band = landscape.series_band(records, "VGG-A")
    np.testing.assert_allclose(band.upper, losses.max(1).mean(0))
    np.testing.assert_allclose(band.lower, losses.min(1).mean(0))
    said = words(figures.FIGURES["loss_band_steps"].draw(records))
    assert "n = 3 seeds" in said and "each averaged over seeds" in said
    assert "Mean of 3 seeds" in words(figures.FIGURES["loss_curves"].draw(records))


def test_one_learning_rate_spans_no_band_and_says_so(tmp_path):
    records = figures.read_run(write_run(tmp_path, rates=(1e-3,)))
    for name in ("loss_band_steps", "loss_band_epochs"):
        figure = figures.FIGURES[name].draw(records)
        assert "a line, no band" in words(figure)
        assert not figure.axes[0].collections
    assert "Training loss at learning rate 0.001" in words(figure)


@pytest.mark.reliability("T8")
def test_a_diverged_run_is_named_and_ends_the_shading(tmp_path, unsaved):
    diverge = {"plain-0.002": 25, "bn-0.002": 0}
    records = figures.read_run(write_run(tmp_path, diverge=diverge))
    assert [m.diverged for m in records.members if m.id in diverge] == [0, 25]
    assert {m.diverged for m in records.members if m.id not in diverge} == {-1}
    band = landscape.series_band(records, "VGG-A without BatchNorm")
    np.testing.assert_array_equal(band.runs, [4] * 25 + [3] * 15)
    figure = figures.FIGURES["loss_band_steps"].draw(records)
    assert "left out from there: bn-0.002 at step 0, plain-0.002 at step 25" in words(figure)
    fill = figure.axes[0].collections[1].get_paths()[0].vertices[:, 0]
    assert fill.max() == 24
    assert set(figures.draw_all(tmp_path)) == set(figures.FIGURES)


def test_runs_of_different_length_are_cut_to_the_shortest(tmp_path, unsaved):
    records = figures.read_run(write_run(tmp_path, shorter={"bn-0.001": 2}))
    assert len(landscape.series_band(records, "VGG-A with BatchNorm").mean) == 20
    assert len(landscape.series_band(records, "VGG-A without BatchNorm").mean) == 40
    assert all(member.diverged == -1 for member in records.members)
    assert set(figures.draw_all(tmp_path)) == set(figures.FIGURES)


@pytest.mark.parametrize(
    "select_on, name", [("test", "test set"), ("validation", "validation"), ("train", "eval mode")]
)
def test_curves_name_the_split(tmp_path, select_on, name):
    records = figures.read_run(write_run(tmp_path, select_on=select_on))
    for figure in ("loss_curves", "accuracy_curves"):
        assert name in words(figures.FIGURES[figure].draw(records))


def test_long_runs_are_binned_without_losing_an_extreme(tmp_path):
    records = figures.read_run(write_run(tmp_path, epochs=3, spe=700))
    whole = landscape.series_band(records, "VGG-A without BatchNorm")
    x, band = style.bin_band(whole, style.bin_size(len(whole.mean)))
    assert len(x) == 700 and x[0] == 1 and x[-1] == 2098
    assert band.upper.max() == whole.upper.max() and band.lower.min() == whole.lower.min()
    np.testing.assert_allclose(band.mean, whole.mean.reshape(700, 3).mean(1))
    assert "stands for 3 steps" in words(figures.FIGURES["loss_band_steps"].draw(records))


def test_a_towering_step_is_cut_off_and_counted(run):
    records = figures.read_run(run)
    records.steps["loss"][0, 7] = 400.0
    figure = figures.FIGURES["loss_band_steps"].draw(records)
    assert figure.axes[0].get_ylim()[1] < 100
    assert "1 points lie above the axis, the highest at 400" in words(figure)


def test_learning_rates_are_thinned_at_constant_stretches():
    x, y = style.thinned(np.array([1.0, 1, 1, 0.1, 0.1, 0.1, 0.1]))
    np.testing.assert_array_equal(x, [0, 2, 3, 6])
    np.testing.assert_array_equal(y, [1, 1, 0.1, 0.1])


def test_learning_rates_near_zero_do_not_stretch_the_axis(run):
    records = figures.read_run(run)
    top = records.steps["lr"].max()
    assert "The axis ends at" not in words(figures.FIGURES["learning_rates"].draw(records))
    records.steps["lr"][0, 20:] = 1e-12
    figure = figures.FIGURES["learning_rates"].draw(records)
    assert figure.axes[0].get_ylim()[0] > 1e-5 * top
    assert "The axis ends at" in words(figure) and "rates below it are not shown" in words(figure)


def test_many_schedules_are_named_beside_the_axes(tmp_path):
    records = figures.read_run(write_run(tmp_path, rates=(1e-3, 2e-3), seeds=2))
    few = figures.FIGURES["learning_rates"].draw(records)
    assert few.get_figwidth() == style.COLUMN
    assert [text.get_text() for text in few.legends[0].get_texts()] == [
        "bn-0.001, plain-0.001", "bn-0.002, plain-0.002",  # a name for both seeds
    ]  # fmt: skip
    records.steps["lr"][:] *= np.linspace(1, 2, len(records.members))[:, None]
    assert figures.FIGURES["learning_rates"].draw(records).get_figwidth() == style.PAGE


def test_unrecorded_fields_draw_no_figure(tmp_path, unsaved):
    write_run(tmp_path)
    with np.load(tmp_path / "steps.npz") as table:
        kept = {k: v for k, v in table.items() if not k.startswith(("last_layer", "first_conv"))}
    kept["units"] = np.array(json.dumps({"loss": "nats", "lr": "1"}))
    np.savez(tmp_path / "steps.npz", **kept)
    assert set(figures.draw_all(tmp_path)) == {
        *("loss_band_steps", "loss_band_epochs", "loss_curves"),
        *("accuracy_curves", "learning_rates", "accuracy_best_lines", "loss_best_lines"),
    }


@pytest.mark.reliability("T17")
def test_members_without_records_are_named(tmp_path):
    write_run(tmp_path)
    with np.load(tmp_path / "steps.npz") as table:
        half = {k: v[:4] if v.ndim == 2 or k == "members" else v for k, v in table.items()}
    np.savez(tmp_path / "steps.npz", **half)
    figure = figures.FIGURES["loss_band_steps"].draw(figures.read_run(tmp_path))
    assert "Not trained yet: plain-0.001, plain-0.002, plain-0.0005, plain-0.0001" in words(figure)


def test_rows_of_the_step_table_are_found_by_name(tmp_path):
    whole = figures.read_run(write_run(tmp_path)).steps["loss"]
    with np.load(tmp_path / "steps.npz") as table:
        turned = {k: v[::-1] if v.ndim == 2 or k == "members" else v for k, v in table.items()}
    np.savez(tmp_path / "steps.npz", **turned)
    np.testing.assert_array_equal(figures.read_run(tmp_path).steps["loss"], whole)


@pytest.mark.reliability("T17")
def test_no_evaluation_yet_draws_what_there_is(tmp_path, unsaved):
    (write_run(tmp_path) / "metrics.jsonl").write_text("")
    assert figures.draw_all(tmp_path) == ["loss_band_steps", "learning_rates"]


def test_an_accuracy_that_stays_at_zero_has_no_place_on_logarithmic_axes(tmp_path, unsaved):
    lines = (write_run(tmp_path) / "metrics.jsonl").read_text().splitlines()
    zero = [json.dumps(json.loads(line) | {"val_accuracy": 0.0}) + "\n" for line in lines]
    (tmp_path / "metrics.jsonl").write_text("".join(zero))
    drawn = figures.draw_all(tmp_path)
    assert "accuracy_best_lines" not in drawn and "loss_best_lines" in drawn


def test_less_than_an_epoch_draws(tmp_path, unsaved):
    write_run(tmp_path, epochs=1)
    line = {"epoch": 0.5, "step": 10, "train_loss": 2.0, "val_loss": 2.1}
    members = [m["id"] for m in json.loads((tmp_path / "config.json").read_text())["members"]]
    lines = [json.dumps(line | {"member": member}) + "\n" for member in members]
    (tmp_path / "metrics.jsonl").write_text("".join(lines))
    assert "loss_band_epochs" in figures.draw_all(tmp_path)


def test_three_panels_are_labelled_at_the_left_and_the_bottom():
    figure, panels = style.new_figure(3, 2, "epoch", "loss")
    assert len(panels) == 3
    assert [axes.get_ylabel() for axes in panels] == ["loss", "", "loss"]
    assert [axes.get_xlabel() for axes in panels] == ["", "epoch", "epoch"]


def test_a_single_epoch_shows_both_splits_over_a_whole_number(tmp_path):
    figure = curves.loss_curves(figures.read_run(write_run(tmp_path, epochs=1)))
    axes = figure.axes[0]
    assert len(axes.lines) == 8 and all(line.get_marker() != "" for line in axes.lines)
    figure.draw_without_rendering()
    low, high = axes.get_xlim()
    assert [tick for tick in axes.get_xticks() if low <= tick <= high] == [1.0]


def test_series_names_of_other_settings(tmp_path):
    config = json.loads((write_run(tmp_path, norms=("batch",)) / "config.json").read_text())
    for member, optimizer in zip(config["members"], ("adam", "sgd", "adam", "sgd"), strict=True):
        member["overrides"]["optim.name"] = member["config"]["optim"]["name"] = optimizer
        momentum = 0.9 if optimizer == "sgd" else None
        member["overrides"]["optim.momentum"] = member["config"]["optim"]["momentum"] = momentum
        member["overrides"]["model.width"] = member["config"]["model"]["width"] = 0.5
        augment = ["hflip", "crop"] if optimizer == "sgd" else []
        member["config"].setdefault("data", {})["augment"] = augment
        member["overrides"]["data.augment"] = augment
    (tmp_path / "config.json").write_text(json.dumps(config))
    plain, augmented = figures.read_run(tmp_path).series
    assert plain == "VGG-A, adam, augment=none"
    assert augmented == "VGG-A, sgd, momentum=0.9, augment=hflip+crop"


def test_series_names_of_later_stages(tmp_path):
    config = json.loads((write_run(tmp_path, norms=("batch",)) / "config.json").read_text())
    for member, rate in zip(config["members"], (0.1, 0.2, None, None), strict=True):
        changes = {"optim.name": "sgd"} | ({"optim.lr": rate} if rate else {})
        member["config"]["stages"] = [[0.8, changes]] if rate else []
        member["overrides"] |= {f"stages.0.{path}": value for path, value in changes.items()}
    (tmp_path / "config.json").write_text(json.dumps(config))
    first, second, without = figures.read_run(tmp_path).series
    assert first == "VGG-A, stages.0.sgd, stages.0.lr=0.1"
    assert second == "VGG-A, stages.0.sgd, stages.0.lr=0.2"
    assert without == "VGG-A"


def test_small_copies_keep_the_colours_of_thin_lines(run):
    figure, (axes,) = style.new_figure()
    for index, rate in enumerate(style.RATES):
        axes.plot([0, 1], [index, index + 0.7], color=rate.color, linewidth=0.9)
        axes.plot([0, 1], [index + 0.3, index], color=rate.color, linewidth=0.5, alpha=0.4)
        axes.axhline(index + 0.5, color=rate.color, linewidth=1.5)
    path = style.save_small(figure, run / "small.png")
    with Image.open(path) as picture:
        there = set(map(tuple, np.asarray(picture.convert("RGB")).reshape(-1, 3)))
    wanted = {tuple(bytes.fromhex(rate.color[1:])) for rate in style.RATES}
    assert wanted <= there
