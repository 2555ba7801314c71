"""The BatchNorm study's page: differences from the records, and the page as a whole."""

import hashlib
import json
import shutil

import numpy as np
import pytest
from made_bn import PLACE, RATES, as_recorded, load, make, set_losses

from jaxcifar.core.errors import UserError
from jaxcifar.core.wording import DASH
from jaxcifar.reproduction import batchnorm, reference
from jaxcifar.reproduction.batchnorm import (
    checks,
    differences,
    measures,
    page,
    pictures,
    precision,
    verdict_table,
)
from jaxcifar.reproduction.batchnorm.differences import Tolerance

BN = reference.load("bn")
LIMITS = Tolerance(**BN["tolerance"])


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
    (tmp_path / "moved" / batchnorm.ALONE).write_text(json.dumps({"bn": 5.0, "plain": 7.0}))
    text = batchnorm.write([folder], tmp_path / "out").read_text()
    assert batchnorm.write([folder], tmp_path / "again").read_text() == text
    moved = batchnorm.write([tmp_path / "moved"], tmp_path / "out").read_text()
    assert moved != text and "Images/s, one member alone" in moved
    (tmp_path / "moved" / batchnorm.ALONE).unlink()
    assert batchnorm.write([tmp_path / "moved"], tmp_path / "out").read_text() == text
    assert PLACE not in text and "Data source" not in text
    assert "reproduce_bn.py --data=... --variants r1" in text and "ab" * 32 in text


def test_the_page_says_what_was_run(folder, tmp_path, no_figures):
    make(tmp_path / "small", "small", changes={"model.width": 0.25, "train.epochs": 3})
    content = json.loads((tmp_path / "small" / "summary.json").read_text())
    del content["members"]["bn-0.001"]
    (tmp_path / "small" / "summary.json").write_text(json.dumps(content))
    text = batchnorm.write([folder, tmp_path / "small"], tmp_path).read_text()
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
    assert {row[5] for row in verdict_table.verdicts([view], BN).rows} == {DASH}
    figures = pictures._figures(view, "R1", BN["R1"], RATES)
    assert all(shown.draw().axes for shown in figures)
    page.document([view], BN, {}, {})


def test_r0_has_its_gradient_norms(tmp_path, no_figures):
    text = batchnorm.write([make(tmp_path, "r0", "R0")], tmp_path).read_text()
    assert "## bn:r0: gradient norm of the first convolution" in text and " / 3.72 |" in text
    assert "where it differs from R0" in text


def test_two_runs_of_one_name_are_refused(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "again")
    with pytest.raises(UserError, match="two runs are called bn:r1\nmake a page"):
        batchnorm.write([folder, tmp_path / "again"], tmp_path)


def test_speeds_as_text(folder):
    text = batchnorm.speeds([folder])
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


def test_single_members_at_full_width_stand_beside_the_record(view, tmp_path):
    run = load(make(tmp_path / "checks", epochs=2, seeds=1)).run
    found = checks.table(run, BN["R1"], RATES)
    row = next(row for row in found.rows if row[:3] == ("with BatchNorm", "0.0001", "1"))
    assert row[4] == "1.1670" and row[6] == "66.37"
    entry = next(e for e in run.entries if e["id"] == "bn-0.0001")
    assert row[3] == f"{run.records.evaluations[entry['id']]['train_loss'][0]:.4f}"
    assert len(found.rows) == 2 * len(run.entries)
    text = checks.section(run, BN["R1"], RATES)[1].text
    assert text.startswith("8 of R1's members at width 1 and") and "CIFAR-10 (JPEG)" in text
