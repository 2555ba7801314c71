"""The BatchNorm study's page: tables, verdicts and differences that follow from records by rule."""

import hashlib
import json
import math
import shutil

import numpy as np
import pytest
from made_bn import PLACE, RATES, make, set_losses

from jaxcifar.errors import UserError
from jaxcifar.report import bn, reading, reference
from jaxcifar.report.blocks import DASH, Column, Table
from jaxcifar.report.bn import (
    claims,
    differences,
    measures,
    page,
    pictures,
    precision,
    tables,
)
from jaxcifar.report.bn.differences import Tolerance
from jaxcifar.report.verdicts import Verdict

BN = reference.load("bn")
LIMITS = Tolerance(**BN["tolerance"])


def load(folder):
    return measures.view(reading.read(folder))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three seeds at R1's size and settings."""
    return make(tmp_path_factory.mktemp("r1") / "run")


@pytest.fixture
def view(folder):
    return load(folder)


@pytest.fixture
def no_figures(monkeypatch):
    monkeypatch.setattr(pictures, "draw", lambda *_: [])


def as_recorded(network, lr, seed):
    """R1's recorded losses, in between as straight lines."""
    found = reference.curve(BN["R1"], "train_loss", network)
    return np.interp(np.arange(1, 51), found.epochs, found.values[RATES.index(lr)])


def test_over_seeds_names_the_ends_of_several_seeds():
    assert tables.over_seeds([0.5], 2) == "0.50"
    assert tables.over_seeds([0.5, math.nan, 0.7], 2) == "0.60 (0.50 to 0.70)"
    assert tables.over_seeds([0.5, 0.7], 1, 0.01) == "60.0 (50.0 to 70.0)"
    assert tables.over_seeds([math.nan], 2) == DASH


def test_columns_without_content_are_left_out():
    table = Table((Column("a"), Column("b"), Column("c")), (("1", DASH, DASH), ("2", DASH, "3")))
    assert tables.compact(table) == Table((Column("a"), Column("c")), (("1", DASH), ("2", "3")))


def test_epochs_shown_are_all_of_a_short_run_else_the_recorded_and_the_last():
    found = reference.curve(BN["R1"], "band_width", "bn")
    assert tables.epochs_shown(3, [found, None]) == [1, 2, 3]
    assert tables.epochs_shown(12, [found]) == [1, 2, 3, 4, 5, 6, 8, 10, 12]
    assert tables.epochs_shown(11, [None]) == list(range(1, 12))


@pytest.mark.parametrize(
    "network, rate, level, expected",
    [
        ("bn", 2e-3, 0.5, "2"), ("plain", 2e-3, 0.75, "never"), ("plain", 1e-4, 0.75, "43"),
        ("bn", 1e-4, 0.7, "2"), ("plain", 1e-4, 0.7, "9 to 10"), ("bn", 1e-3, 0.7, "3"),
    ],
)  # fmt: skip
def test_recorded_epochs_to_an_accuracy(network, rate, level, expected):
    row = RATES.index(rate)
    assert tables.recorded_epoch(BN["R1"], network, row, level) == expected
    assert tables.recorded_epoch(BN["R0"], network, row, level) == DASH


def test_an_accuracy_row_by_hand(tmp_path):
    reached = [0.70] * 8 + [0.72] * 8 + [0.74] * 8
    found = tables.accuracy(load(make(tmp_path, accuracy=reached)), BN["R1"], RATES)
    assert found.rows[2] == (
        "with BatchNorm", "0.001", "3", "72.00 (70.00 to 74.00)", "62.06 to 81.94",
        "84.29", "67.00 (65.00 to 69.00)", "84.39",
    )  # fmt: skip


def test_a_short_run_stands_beside_the_same_recorded_epoch(tmp_path):
    changes = {"train.epochs": 3, "model.width": 0.25}
    short = load(make(tmp_path, changes=changes, seeds=2))
    found = tables.accuracy(short, BN["R1"], RATES)
    titles = [column.title for column in found.columns]
    assert found.rows[7][titles.index("Recorded after epoch 3 (%)")] == "58.78"
    assert found.rows[7][titles.index("Recorded, last epoch (%)")] == "72.74"
    assert "95 % prediction interval (%)" not in titles  # of two seeds
    assert tables.epochs_to(short, BN["R1"], RATES).rows[0][8:] == (">3, >3", "never")


def test_widths_stand_beside_the_recorded_ones(view):
    set_losses(view.run, as_recorded)
    steps, means = (tables.widths(view, BN["R1"], of_means=flag) for flag in (False, True))
    assert [row[0] for row in steps.rows] == [
        str(int(epoch)) for epoch in reference.curve(BN["R1"], "band_width", "bn").epochs
    ]
    assert steps.rows[0] == (
        "1", "0.582 (0.582 to 0.582)", "0.597", "0.093 (0.093 to 0.093)", "0.163",
        "100.0 (100.0 to 100.0)",
    )  # fmt: skip
    assert all(row[1].startswith(row[2]) and row[3].startswith(row[4]) for row in means.rows)


def test_other_tables_by_hand(view):
    set_losses(view.run, as_recorded)
    row = tables.by_epoch(view, BN["R1"], RATES, "loss", "train_loss", 4).rows[-1]
    assert row[0] == "50" and row[3] == "0.0160 / 0.0160" and row[8] == "0.1286 / 0.1286"
    first = tables.first_steps(view, RATES, "loss", BN["R1"]["first_step_loss"], 4).rows
    assert first[0][2:] == ("1.1670 (1.1670 to 1.1670)", "2.3126")
    norm = BN["R0"]["first_conv_gradient_norm"]["first_step"]
    assert tables.first_steps(view, RATES, "loss", norm, 3).rows[5][3] == "0.004"
    spikes = tables.spikes(view, BN["R1"]).rows[1]
    assert spikes[1:3] == (f"{DASH}, {DASH}, {DASH}", "11") and spikes[-2:] == ("4.836", "17,409")
    found = tables.gradient(view, BN["R1"])
    column = [c.title for c in found.columns].index(
        "without BatchNorm: largest, recorded (read off a plot)"
    )
    assert [row[column] for row in found.rows][:2] == ["0.123", "0.148"]
    del view.run.records.steps["last_layer_grad_max"], view.run.records.steps["last_layer_grad_min"]
    assert tables.gradient(view, BN["R1"]) is None


def test_claims_carry_the_published_numbers():
    found = {claim.text: claim for claim in claims.claims(BN)}
    assert sum(claim.measure is None for claim in found.values()) == 5
    final = found["At learning rate 0.001 the network with BatchNorm ends at 84.29 % of the test "
                  "set"]  # fmt: skip
    assert final.published == pytest.approx(0.8429) and final.sign == 0
    narrower = found["The loss band is narrower with BatchNorm, mean over all steps (without minus "
                     "with)"]  # fmt: skip
    assert narrower.published == pytest.approx(0.136) and narrower.sign == 1
    early = found["In its logs, against its text: wider with BatchNorm in epochs 1 and 2 (with "
                  "minus without)"]  # fmt: skip
    assert early.published == pytest.approx(0.323)
    reached = found["50 % of the test set by epoch 25 without BatchNorm, mean over the rates"]
    assert (reached.published, reached.report) == (25, "R0")
    spread = [claim for text, claim in found.items() if text.startswith("Less sensitive to the l")]
    assert 100 * spread[0].published == pytest.approx(-0.31)


def test_every_measured_claim_has_a_number_a_seed(view):
    for claim in claims.claims(BN):
        if claim.measure is not None:
            assert claim.measure(view).shape == (3,)
            late = "step 5,000" in claim.text
            assert np.isfinite(claim.measure(view)).all() != late, claim.text


def test_claims_measure_what_they_say(tmp_path):
    """Accuracies .70 to .77 (BN first), bands of .4, .2 and then .1 nats, .05 without BN."""
    view = load(make(tmp_path, accuracy=[0.70 + 0.01 * k for k in range(8)], seeds=1))
    width = {"bn": [0.4, 0.2] + [0.1] * 48, "plain": [0.05] * 50}
    set_losses(view.run, lambda n, lr, _: 1 + np.array(width[n]) * RATES.index(lr) / 3)
    for member in view.run.records.members:
        reached = 2 if "without" in member.series else 4
        curve = np.where(np.arange(1, 51) >= reached + RATES.index(member.lr), 0.6, 0.4)
        view.run.records.evaluations[member.id]["val_accuracy"] = curve
        row = view.run.records.members.index(member)
        for end, scale in (("min", -1), ("max", 2)):
            entry = scale * (0.1 if "without" in member.series else 0.04)
            lowest = entry if member.lr == 1e-4 else 9.0
            view.run.records.steps[f"last_layer_grad_{end}"][row] = lowest
    found = [claim.measure(view)[0] for claim in claims.claims(BN) if claim.measure]
    mean = (0.4 + 0.2 + 48 * 0.1) / 50
    np.testing.assert_allclose(found, [
        0.72, 0.76, -0.04, 0.05 - mean, mean, 0.05, 0.25, np.nan, np.nan, np.nan, 0.18, 0.0,
        5.5, 3.5, 0.05 - mean, mean, 0.05, 0.35,
    ], atol=1e-9)  # fmt: skip


def verdicts_of(*views):
    return {(row[1], row[2]): row for row in page.verdicts(views, BN).rows}


NARROWER = "The loss band is narrower with BatchNorm, mean over all steps (without minus with)"
WIDTH = "Mean width of the loss band with BatchNorm"


@pytest.mark.parametrize("turned, verdict", [(1, Verdict.REPRODUCED), (-1, Verdict.CONTRADICTED)])
def test_the_sign_of_a_difference_decides(view, turned, verdict):
    wide = {"bn": 0.10 if turned > 0 else 0.25, "plain": 0.25 if turned > 0 else 0.10}

    def losses(network, lr, seed):
        width = wide[network] * (1 + 0.02 * seed)
        return np.full(50, 0.5 + width * RATES.index(lr) / 3)

    set_losses(view.run, losses)
    row = verdicts_of(view)[NARROWER, "bn:r1"]
    assert row[-1] == verdict and row[4] == "0.136" and float(row[8]) < 0.05
    assert float(row[5]) == pytest.approx(turned * 0.153)


def test_a_value_within_the_prediction_interval_is_reproduced(view):
    def losses(scale):
        return lambda network, lr, seed: np.full(
            50, scale * (1 + 0.05 * seed) * RATES.index(lr) / 3
        )

    set_losses(view.run, losses(0.107))
    row = verdicts_of(view)[WIDTH, "bn:r1"]
    assert row[4:8] == ("0.112", "0.112", "3", "0.086 to 0.139") and row[-1] == "reproduced"
    set_losses(view.run, losses(0.2))
    assert verdicts_of(view)[WIDTH, "bn:r1"][-1] == "contradicted"


def test_p_values_of_the_page_are_corrected_together(view):
    raw = [claim.measure(view) for claim in claims.claims(BN) if claim.sign]
    shown = [row[8] for row in page.verdicts([view], BN).rows if row[8] != DASH]
    assert 3 < len(shown) <= len(raw)


def test_no_verdict_without_the_published_size(tmp_path, view):
    small = load(make(tmp_path, "small", changes={"model.width": 0.25, "train.epochs": 3}))
    rows = page.verdicts([small], BN).rows
    assert {row[-1] for row in rows} == {"not run at published size"}
    assert {row[2] for row in rows} == {"bn:small", DASH}
    assert sum(row[5] != DASH for row in rows) > 10  # the numbers still stand there
    both = page.verdicts([small, view], BN).rows  # R1's are told by the run at its size alone
    assert {row[2] for row in both if row[0] == "R1"} == {"bn:r1", DASH}
    assert {row[2] for row in both if row[0] == "R0"} == {"bn:small", "bn:r1", DASH}


def test_nothing_differs_where_our_curves_are_the_recorded_ones(tmp_path):
    final = {n: np.array(BN["R1"]["final_accuracy"][n]) / 100 for n in ("bn", "plain")}
    accuracy = [*final["bn"], *final["plain"]] * 3
    view = load(make(tmp_path, accuracy=accuracy))
    set_losses(view.run, as_recorded)
    assert differences.sentences(view, BN["R1"], RATES, LIMITS) == ()
    blocks = page._differences(view, BN, "R1")
    assert "Nothing differs beyond the tolerance: 1.5 points" in blocks[0].text


def test_what_differs_is_said(tmp_path):
    final = {n: np.array(BN["R1"]["final_accuracy"][n]) / 100 for n in ("bn", "plain")}
    final["bn"][RATES.index(1e-3)] -= 0.02
    view = load(make(tmp_path, accuracy=[*final["bn"], *final["plain"]] * 3))

    def losses(network, lr, seed):
        curve = as_recorded(network, lr, seed)
        if (network, lr) == ("plain", 2e-3):
            curve[[0, 1, 9, 19]] = 3.0, 2.0, 1.0, 0.1  # 1.9395, 1.5224, .6147, .2848 on record
        return curve

    set_losses(view.run, losses)
    assert differences.sentences(view, BN["R1"], RATES, LIMITS) == (
        "End point: with BatchNorm at 0.001 the final test accuracy is 82.29 %, 2.00 points below "
        "the recorded 84.29 %.",
        "Ordering: with BatchNorm at 0.0005 ends 1.13 points above with BatchNorm at 0.001; on "
        "record it ends 0.87 points below.",
        "Ordering: with BatchNorm at 0.002 ends 0.64 points above with BatchNorm at 0.001; on "
        "record it ends 1.36 points below.",
        "Level: without BatchNorm at 0.002 the mean training loss is more than a factor 1.5 off at "
        "epochs 1, 10 and 20, most at epoch 20 with 0.1000 nats, recorded 0.2848.",
        "Shape: the band with BatchNorm is narrower than the one without BatchNorm at epochs 1 and "
        "2, where the recorded one is wider.",
    )
    assert page._differences(view, BN, "R1")[1].items[0].startswith("End point")


def test_what_the_bands_do_is_said_at_any_size(view):
    def losses(network, lr, seed):
        width = {"bn": [0.4] + [0.1] * 49, "plain": [0.2] * 49 + [0.2 - 0.15 * (seed == 0)]}
        base = {"bn": 0.0, "plain": np.array([1.0] * 49 + [0.0])}
        return base[network] + np.array(width[network]) * RATES.index(lr) / 3

    set_losses(view.run, losses)
    assert differences.what_the_bands_do(view) == (
        "Over all steps the loss band with BatchNorm is 0.106 nats wide, the one without BatchNorm "
        "0.199.",
        "By epoch the band with BatchNorm is wider at epoch 1 and narrower at epochs 2 to 50. "
        "Seeds disagree at epoch 50.",
        "The two bands have no loss in common at 0.0 % of the steps of epoch 50; most at epoch 1, "
        "with 100.0 %.",
    )


@pytest.mark.parametrize(
    "epochs, words",
    [([3], "epoch 3"), ([1, 2], "epochs 1 and 2"), ([1, 2, 3, 7], "epochs 1 to 3 and 7")],
)
def test_epochs_in_words(epochs, words):
    assert differences._epochs(np.array(epochs, float)) == words


def test_two_compute_types_are_compared_seed_by_seed(tmp_path):
    def run(name, dtype, more):
        reached = [0.80 + 0.01 * (k // 8) + (more if k % 8 < 4 else 0) for k in range(24)]
        return load(make(tmp_path / name, dtype=dtype, accuracy=reached))

    one, two = run("one", "float32", 0.0), run("two", "bfloat16", 0.003)
    found = precision.table([two, one])
    assert found.rows[0][:7] == (
        "bn:r1 (bfloat16)", "with BatchNorm", "final test accuracy, mean over the rates (%)",
        "81.00", "81.30", "0.30", "3",
    )  # fmt: skip
    assert found.rows[0][7] == "0.0000" and found.rows[2][5:] == ("0.00", "3", "1.0000")
    assert precision.table([one]) is None


def test_the_page_names_no_place_and_is_the_same_anywhere(folder, tmp_path, no_figures):
    shutil.copytree(folder, tmp_path / "moved")
    (tmp_path / "moved" / bn.ALONE).write_text(json.dumps({"bn": 5.0, "plain": 7.0}))
    text = bn.write([folder], tmp_path / "out").read_text()
    assert bn.write([folder], tmp_path / "again").read_text() == text
    moved = bn.write([tmp_path / "moved"], tmp_path / "out").read_text()
    assert moved != text and "Images/s, one member alone" in moved
    (tmp_path / "moved" / bn.ALONE).unlink()
    assert bn.write([tmp_path / "moved"], tmp_path / "out").read_text() == text
    assert PLACE not in text and "Data source" not in text
    assert "reproduce_bn.py --data=... --variants r1" in text and "ab" * 32 in text


def test_the_page_says_what_was_run(folder, tmp_path, no_figures):
    make(tmp_path / "small", "small", changes={"model.width": 0.25, "train.epochs": 3})
    content = json.loads((tmp_path / "small" / "summary.json").read_text())
    del content["members"]["bn-0.001"]
    (tmp_path / "small" / "summary.json").write_text(json.dumps(content))
    text = bn.write([folder, tmp_path / "small"], tmp_path).read_text()
    assert "bn:r1 on CIFAR-10 (JPEG) has the size and the settings of R1." in text
    assert ("bn:small on CIFAR-10 (JPEG) is not R1 at its published size: width 0.25 (published: "
            "1); epochs 3 (published: 50); 1 of 24 members not finished.") in text  # fmt: skip
    assert "Unfinished run: 23 of 24 members" in text
    for part in ("what was run", "loss bands", "test accuracy", "epochs to reach an accuracy",
                 "spikes", "last-layer gradient at learning rate 0.0001", "mean training loss",
                 "where it differs from R1", "what is not claimed"):  # fmt: skip
        assert f"## bn:r1: {part}\n" in text and f"## bn:small: {part}\n" in text
    assert "## Does the compute type matter?" not in text


def test_a_network_in_its_first_epoch_is_compared_with_nothing(tmp_path):
    """With BatchNorm four epochs are there, without it two steps and no evaluation."""
    make(tmp_path, seeds=2, epochs=4)
    (tmp_path / "summary.json").write_text("{}")
    kept = [row for row in (tmp_path / "metrics.jsonl").read_text().splitlines()
            if "plain" not in row]  # fmt: skip
    (tmp_path / "metrics.jsonl").write_text("\n".join(kept))
    with np.load(tmp_path / "steps.npz") as table:
        content = dict(table)
    plain = [str(name).startswith("plain") for name in content["members"]]
    for values in content.values():
        if values.ndim == 2:
            values[plain, 2:] = np.nan
    np.savez(tmp_path / "steps.npz", **content)
    view = load(tmp_path)
    assert measures.widths(view, "bn").shape == (2, 4)
    assert np.isnan(measures.widths(view, "plain")).all()
    assert differences.what_the_bands_do(view) == ()
    assert {row[5] for row in page.verdicts([view], BN).rows} == {DASH}
    figures = pictures._figures(view, "R1", BN["R1"], RATES)
    assert all(shown.draw().axes for shown in figures)
    page.document([view], BN, {}, {})


def test_r0_has_its_gradient_norms(tmp_path, no_figures):
    text = bn.write([make(tmp_path, "r0", "R0")], tmp_path).read_text()
    assert "## bn:r0: gradient norm of the first convolution" in text and " / 3.72 |" in text
    assert "where it differs from R0" in text


def test_two_runs_of_one_name_are_refused(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "again")
    with pytest.raises(UserError, match="two runs are called bn:r1\nmake a page"):
        bn.write([folder, tmp_path / "again"], tmp_path)


def test_speeds_as_text(folder):
    text = bn.speeds([folder])
    assert text.startswith("bn:r1\n") and "without BatchNorm" in text


def test_figures_are_small_and_the_same_bytes(folder, view, tmp_path, monkeypatch):
    shown = pictures._figures(view, "R1", BN["R1"], RATES)
    monkeypatch.setattr(pictures, "_figures", lambda *_: shown[1:2])
    digests = set()
    for place in ("one", "two"):
        (picture,) = pictures.draw(view, "R1", BN["R1"], RATES, tmp_path / place)
        content = (tmp_path / place / picture.place).read_bytes()
        assert content.startswith(b"\x89PNG") and len(content) < 150_000
        digests.add(hashlib.sha256(content).hexdigest())
    assert len(digests) == 1 and picture.place == "bn/bn-r1-loss_band_epochs.png"
    assert picture.caption.endswith("bn:r1, CIFAR-10 (JPEG), 3 seeds.")
