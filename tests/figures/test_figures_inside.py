"""Figures of test.npz, histograms.npz and probes.npz: which are drawn, of whom, from what."""

import matplotlib
import numpy as np
import pytest
from made_inside import change_summary, change_table, make_run, read, words
from made_records import write_run
from made_report import finish

from jaxcifar import figures
from jaxcifar.core.errors import UserError
from jaxcifar.figures import confusion, shown_members, test_set_counts
from jaxcifar.figures.text import wrapped
from jaxcifar.records.calibration import expected_calibration_error

PROBED = {"loss_variation", "gradient_predictiveness", "gradient_cosine",
          "effective_smoothness", "distance_profile"}  # fmt: skip
SHIFT = {"covariate_shift_distance", "covariate_shift_cosine", "covariate_shift_layers"}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("run"), rates=(1e-3,))


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """Eight rows of two seeds."""
    return make_run(tmp_path_factory.mktemp("many"), seeds=2)


@pytest.fixture
def unsaved(monkeypatch):
    """`draw_all` draws and gives the names of the figures it would have saved."""
    monkeypatch.setattr(figures, "FIGURES", {})
    monkeypatch.setattr(figures, "save", lambda figure, stem: [stem.name])


@pytest.mark.parametrize("names", [
    ("class_accuracy", "first_filters"),
    pytest.param(tuple(figures.INSIDE), marks=pytest.mark.slow),
])  # fmt: skip
def test_figures_are_saved_and_the_same_records_give_the_same_bytes(run, monkeypatch, names):
    monkeypatch.setattr(figures, "FIGURES", {})
    monkeypatch.setattr(figures, "INSIDE", {name: figures.INSIDE[name] for name in names})
    first = {path: path.read_bytes() for path in figures.draw_all(run)}
    assert {p.name for p in first} == {f"{name}.{end}" for name in names for end in ("png", "svg")}
    assert max(map(len, first.values())) < 500_000
    with matplotlib.rc_context({"font.size": 20, "axes.grid": False}):  # nor a user's style
        again = figures.draw_all(run)
    assert {path: path.read_bytes() for path in again} == first


@pytest.mark.parametrize("name", [name for name in figures.INSIDE if name != "canet_block"])
def test_every_figure_of_many_members_names_its_data_and_the_choice(name, many):
    said = words(figures.INSIDE[name].draw(*read(many)))
    assert "Data: synthetic, study bn:quick, n = 2 seeds." in said
    if name not in ("accuracy_by_size", "activation_distributions", *PROBED, *SHIFT):  # have room
        assert "Drawn of 8: the " in said and "with the highest selection accuracy." in said


@pytest.mark.parametrize("parts, drawn", [
    ((), {"accuracy_by_size"}),
    (("test",), {"accuracy_by_size", "confusion_matrix", "class_accuracy", "reliability"}),
    (("histograms",), {"accuracy_by_size", "weight_histograms"}),
    (("probes",), {"accuracy_by_size", "sample_predictions", "activation_rms", "dead_units",
                   "first_filters"}),
    (("step_probes",), {"accuracy_by_size", *PROBED}),
    (("covariate_shift",), {"accuracy_by_size", *SHIFT}),
    (("activations",), {"accuracy_by_size", "activation_distributions"}),
])  # fmt: skip
def test_what_was_not_recorded_draws_no_figure(tmp_path, unsaved, parts, drawn):
    assert set(figures.draw_all(make_run(tmp_path, canet=False, parts=parts))) == drawn


def test_networks_of_one_size_have_no_figure_of_sizes(tmp_path, unsaved):
    folder = finish(write_run(tmp_path, rates=(1e-3,)))
    assert figures.draw_all(folder) == []


def test_networks_without_a_convolution_have_no_filters(tmp_path, unsaved):
    folder = make_run(tmp_path, canet=False, parts=("probes",))
    change_table(folder, "probes", filters=None)
    assert "first_filters" not in figures.draw_all(folder)


@pytest.mark.parametrize("name", ["test", "histograms", "probes", "step_probes"])
@pytest.mark.parametrize("damage", [
    lambda content: b"", lambda content: b"\x00{", lambda content: content[: len(content) // 2],
    lambda content: content.replace(b"members", b"nobodys"),
])  # fmt: skip
def test_damaged_files_are_refused(run, tmp_path, name, damage):
    path = tmp_path / "groups" / "a" / f"{name}.npz"
    path.parent.mkdir(parents=True)
    path.write_bytes(damage((run / "groups" / "made-0a" / f"{name}.npz").read_bytes()))
    with pytest.raises(UserError, match=f"{name}.npz cannot be read") as caught:
        figures.read_inside(tmp_path)
    assert len(str(caught.value).splitlines()) <= 3


def test_a_damaged_summary_is_refused(tmp_path):
    (tmp_path / "summary.json").write_text("{")
    with pytest.raises(UserError, match="summary.json cannot be read"):
        figures.read_inside(tmp_path)


def test_groups_are_read_together(run, tmp_path):
    for index, group in enumerate(("a", "b")):
        (tmp_path / "groups" / group).mkdir(parents=True)
        with np.load(run / "groups" / "made-0a" / "test.npz") as file:
            table = dict(file)
        names = [f"m{index}{row}" for row in range(2)]
        np.savez(tmp_path / "groups" / group / "test.npz", **(table | {"members": names}))
    found = figures.read_inside(tmp_path)
    assert list(found.scored) == ["m00", "m01", "m10", "m11"] and found.probes == {}
    np.testing.assert_array_equal(found.scored["m11"].confusion, table["confusion"][1])
    assert found.scored["m11"].kinds == ("best", "last")


def test_calibration_error_of_counts_known_by_hand():
    assert expected_calibration_error([4, 6], [1, 6], [2.0, 5.4]) == pytest.approx(0.16)
    assert expected_calibration_error([5], [3], [3.0]) == 0
    assert np.isnan(expected_calibration_error([0, 0], [0, 0], [0.0, 0.0]))


def test_calibration_error_weighs_bins_by_their_images():
    """Equals the mean over images of their bin's |accuracy - confidence|, taken one by one."""
    rng = np.random.default_rng(0)
    top, right = rng.uniform(0.1, 1, 500), rng.random(500) < 0.6
    bins = np.ceil(top * 15).astype(int) - 1
    gaps = [abs(right[bins == b].mean() - top[bins == b].mean()) for b in bins]
    sums = [np.bincount(bins, weights, 15) for weights in (np.ones(500), right, top)]
    assert expected_calibration_error(*sums) == pytest.approx(np.mean(gaps))


def test_counts_are_those_of_the_reported_weights_summed_over_seeds(tmp_path):
    folder = make_run(tmp_path, rates=(1e-3,), norms=("batch",), seeds=2, parts=("test",))
    records, found = read(folder)
    best = test_set_counts.counts_of(records, found)
    ids = [member.id for member in records.members]
    whole = test_set_counts.over_seeds(best, ids)
    np.testing.assert_array_equal(
        whole.confusion, sum(found.scored[name].confusion[0] for name in ids)
    )
    assert whole.confusion.sum() == 20_000 and whole.bin_count.sum() == 20_000
    assert whole.accuracy == pytest.approx(np.trace(whole.confusion) / 20_000)
    np.testing.assert_allclose(whole.shares.sum(1), 1)
    last = records._replace(members=tuple(m._replace(select="last") for m in records.members))
    np.testing.assert_array_equal(
        test_set_counts.counts_of(last, found)[ids[1]].confusion, found.scored[ids[1]].confusion[1]
    )


def test_the_matrix_prints_the_counts_and_the_accuracy(run):
    records, found = read(run)
    figure = confusion.confusion_matrix(records, found)
    whole = test_set_counts.counts_of(records, found)["bn-0.001"]
    printed = [text.get_text() for text in figure.axes[0].texts]
    assert printed == [str(count) for count in whole.confusion.ravel()]
    assert f"bn-0.001: {100 * whole.accuracy:.2f} %" in words(figure)
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()][:2] == [
        "airplane", "automobile",
    ]  # fmt: skip


def test_bars_are_the_accuracy_of_each_class(run):
    records, found = read(run)
    bars = confusion.class_accuracy(records, found).axes[0].containers[0]
    matrix = found.scored["bn-0.001"].confusion[0]
    np.testing.assert_allclose(
        [bar.get_height() for bar in bars], 100 * matrix.diagonal() / matrix.sum(1)
    )


def test_lost_weights_are_left_out(tmp_path, unsaved):
    folder = make_run(tmp_path, rates=(1e-3,), parts=("test",))
    lost = np.array(figures.read_inside(folder).scored["bn-0.001"].confusion) * 0
    kept = figures.read_inside(folder).scored["plain-0.001"].confusion
    change_table(folder, "test", confusion=np.stack([lost, kept]))
    assert list(test_set_counts.counts_of(*read(folder))) == ["plain-0.001"]
    change_table(folder, "test", confusion=np.stack([lost, lost]))
    assert figures.draw_all(folder) == ["accuracy_by_size", "canet_block"]


def test_the_test_set_as_judge_is_named(tmp_path):
    folder = make_run(tmp_path, rates=(1e-3,), select_on="test", parts=("test",))
    for name in ("confusion_matrix", "class_accuracy", "reliability", "accuracy_by_size"):
        assert "chosen on the test set" in words(figures.INSIDE[name].draw(*read(folder)))


def test_members_with_the_highest_selection_accuracy_lead(many):
    scores = {3: 0.9, 5: 0.8, 1: None}  # rows of the study, both seeds

    def change(rank, row):
        row["validation"]["accuracy"] = scores.get(rank % 8, 0.1)

    change_summary(many, change)
    records, found = read(many)
    rows, note = shown_members.leading(records, found, found.scored, 3)
    assert [row.name for row in rows] == ["bn-0.0001", "plain-0.002", "bn-0.001"]
    assert rows[0].ids == ("bn-0.0001", "bn-0.0001.s1")
    assert note == "Drawn of 8: the 3 members with the highest selection accuracy"
    last = shown_members.leading(records, found, found.scored, 7)[0]
    assert "bn-0.002" not in {row.name for row in last}  # has no score
    all_rows, nothing = shown_members.leading(records, found, found.scored, 8)
    assert len(all_rows) == 8 and not nothing
    bare = found._replace(summary={})
    rows, note = shown_members.leading(records, bare, found.scored, 1)
    assert rows[0].name == "bn-0.001" and note == "Drawn of 8: the member listed first"


@pytest.mark.parametrize("names, start", [
    (("R2-deep-rn16-adamw-1e-3", "R2-deep-rn16-adamw-1e-4"), "R2-deep-rn16-adamw-"),
    (("R2-deep-rn16-adamw-1.5e-3", "R2-deep-rn16-adamw-1.5e-4"), "R2-deep-rn16-adamw-"),
    (("R2-deep-rn16-adamw-1e-3", "R2-deep"), "R2-"),
    (("R2-rn16-1e-3", "R2-rn16-1e-4"), ""),  # short
    (("R2-deep-rn16-adamw-steps-1e-3",), ""),  # alone
    (("one-name-that-is-long-enough", "another-name"), ""),
])  # fmt: skip
def test_long_names_lose_their_common_beginning(run, names, start):
    records = figures.read_run(run)
    members = [records.members[0]._replace(study_id=name) for name in names]
    records = records._replace(members=tuple(members))
    assert shown_members.common_start(records) == start
    assert shown_members.names_note(records) == (f'Names without "{start}"' if start else "")
    (row, *_) = shown_members.rows_of(records, {members[0].id: None})
    assert row.name == names[0] and start + row.label == names[0]


def test_names_break_after_hyphens_and_spaces():
    assert wrapped("adamw-7e-4-wd0.01", 0.75) == "adamw-7e-4-\nwd0.01"
    assert wrapped("a, b and c", 0.65) == "a, b and c"
    assert wrapped("unbreakableandlong-x", 0.6) == "unbreakableandlong-\nx"
