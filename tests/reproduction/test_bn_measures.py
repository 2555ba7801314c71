"""What the BatchNorm study's page measures, by hand."""

import json
import math

import numpy as np
import pytest
from made_bn import PLACE, RATES, make, set_losses
from places import CONFIGS

from jaxcifar import cli
from jaxcifar.config import population, tree
from jaxcifar.core.errors import UserError
from jaxcifar.report import run_records
from jaxcifar.reproduction import reference
from jaxcifar.reproduction.batchnorm import measures, published_size, speed

BN = reference.load("bn")


@pytest.fixture
def view(tmp_path):
    """Two seeds, two epochs of four steps."""
    return measures.view(run_records.read(make(tmp_path, seeds=2, epochs=2)))


def test_members_are_found_by_network_seed_and_rate(view):
    assert len(view.cells) == 16 and view.rates == tuple(RATES) and view.lowest == 1e-4
    name = view.run.records.members[view.cells["plain", 1, 5e-4]].id
    assert name == "plain-0.0005.s1"
    assert measures.series(view, "bn") == "VGG-A with BatchNorm"
    assert (view.name, view.slug) == ("bn:r1", "bn-r1")


def test_the_compute_type_is_part_of_the_name(tmp_path):
    view = measures.view(run_records.read(make(tmp_path, dtype="bfloat16", epochs=1, seeds=1)))
    assert (view.name, view.slug) == ("bn:r1 (bfloat16)", "bn-r1--bfloat16")


def test_a_run_of_one_network_is_refused(tmp_path):
    run = run_records.read(make(tmp_path, norms=("batch",), epochs=1))
    with pytest.raises(UserError, match="no records of VGG-A without BatchNorm\ntrain both"):
        measures.view(run)


def test_widths_are_those_of_the_runs(view):
    losses = view.run.records.steps["loss"]
    for network in measures.NETWORKS:
        for seed in range(2):
            rows = [view.cells[network, seed, lr] for lr in RATES]
            steps = np.ptp(losses[rows], axis=0)
            found = measures.widths(view, network)[seed]
            np.testing.assert_allclose(found, steps.reshape(2, 4).mean(1))
            assert measures.mean_width(view, network)[seed] == pytest.approx(steps.mean())
            means = losses[rows].reshape(4, 2, 4).mean(2)
            found = measures.widths_of_means(view, network)[seed]
            np.testing.assert_allclose(found, np.ptp(means, axis=0))


def test_a_seed_without_all_rates_has_no_band(tmp_path):
    make(tmp_path, seeds=2, epochs=2)
    with np.load(tmp_path / "steps.npz") as table:
        kept = {k: v[:-1] if v.ndim == 2 or k == "members" else v for k, v in table.items()}
    np.savez(tmp_path / "steps.npz", **kept)
    view = measures.view(run_records.read(tmp_path))
    assert list(np.isnan(measures.mean_width(view, "plain"))) == [False, True]
    assert np.isfinite(measures.mean_width(view, "bn")).all()
    assert list(np.isnan(measures.apart(view)).all(1)) == [False, True]
    assert np.isnan(measures.widths_of_means(view, "plain")[1]).all()


def test_a_lost_run_leaves_its_seed_without_mean_widths(view):
    view.run.records.steps["loss"][view.cells["plain", 1, 2e-3], 5:] = np.nan
    for measure in (measures.mean_width, lambda *a: measures.widths_of_means(*a).mean(1)):
        assert list(np.isnan(measure(view, "plain"))) == [False, True]
    assert list(np.isnan(measures.widths(view, "plain")[1])) == [False, True]


def test_bands_apart_by_hand(view):
    """The plain band lies above in epoch 1 and meets the other in epoch 2."""
    level = {"bn": [0.5, 0.5], "plain": [1.0, 0.51]}
    set_losses(view.run, lambda network, lr, seed: np.array(level[network]) + 100 * lr)
    np.testing.assert_array_equal(measures.apart(view), [[1, 0], [1, 0]])
    np.testing.assert_allclose(measures.widths(view, "bn"), 0.19)


def test_spikes_and_the_highest_loss_by_hand(view, monkeypatch):
    set_losses(view.run, lambda *_: [0.5, 0.5])
    row = view.cells["plain", 1, 1e-3]
    view.run.records.steps["loss"][row, [1, 4, 6]] = 3.0, 1.5, 1.25
    assert np.isnan(measures.spikes(view, "plain")).all()  # ends before step 5,000
    monkeypatch.setattr(measures, "SPIKES_AFTER", 3)
    np.testing.assert_array_equal(measures.spikes(view, "plain"), [0, 2])
    np.testing.assert_array_equal(measures.highest(view, "plain")[1], [3.0, 1])
    monkeypatch.setattr(measures, "SPIKES_AFTER", 4)
    np.testing.assert_array_equal(measures.spikes(view, "plain"), [0, 1])


def test_epochs_to_an_accuracy(view):
    for lr, curve in zip(RATES, ([0.4, 0.6], [0.5, 0.2], [0.1, 0.2], [np.nan] * 2), strict=True):
        for seed in range(2):
            name = view.run.records.members[view.cells["bn", seed, lr]].id
            view.run.records.evaluations[name]["val_accuracy"] = np.array(curve)
    np.testing.assert_array_equal(
        measures.epochs_to(view, "bn", 0.5), [[2, 1, math.inf, math.nan]] * 2
    )


def test_evaluations_stand_at_their_epoch(view):
    name = view.run.records.members[view.cells["bn", 0, 1e-3]].id
    view.run.records.evaluations[name] = {
        "epoch": np.array([0.5, 1.5, 2.0, 3.0]), "val_accuracy": np.array([0.1, 0.2, 0.3, 0.4]),
    }  # fmt: skip
    found = measures.evaluations(view, "bn", "val_accuracy")[0, RATES.index(1e-3)]
    np.testing.assert_array_equal(found, [np.nan, 0.3, 0.4])
    assert np.isnan(measures.evaluations(view, "bn", "nothing")).all()


def test_test_accuracies_come_from_the_summary(tmp_path):
    view = measures.view(
        run_records.read(make(tmp_path, seeds=2, epochs=1, accuracy=[k / 100 for k in range(16)]))
    )
    last = measures.tested(view, "plain", "last")
    np.testing.assert_allclose(last, [[0.04, 0.05, 0.06, 0.07], [0.12, 0.13, 0.14, 0.15]])
    np.testing.assert_allclose(measures.tested(view, "plain", "best"), last - 0.05)


def test_what_was_not_recorded_is_nan(view):
    assert np.isnan(measures.epoch_means(view, "bn", "nothing")).all()
    del view.run.records.steps["last_layer_grad_min"]
    assert np.isnan(measures.gradient_range(view, "bn")[0]).all()


@pytest.mark.parametrize("report", ["R0", "R1"])
def test_a_run_at_the_published_size_departs_from_nothing(tmp_path, report):
    view = measures.view(run_records.read(make(tmp_path, report=report, seeds=1)))
    assert (
        published_size.departures(view, BN, report) == () and published_size.follows(view) == report
    )
    assert published_size.departures(view, BN, "R1" if report == "R0" else "R0")


def test_departures_are_named(tmp_path):
    changes = {"model.width": 0.25, "train.epochs": 3, "data.n_train": 640, "optim.clip": 1.0,
               "data.augment": ["hflip", "crop"], "model.init": None}  # fmt: skip
    view = measures.view(run_records.read(make(tmp_path, changes=changes, rates=(1e-3, 2e-3))))
    assert published_size.departures(view, BN, "R1") == (
        "width 0.25 (published: 1)", "training images 640 (published: all)",
        "augmentation hflip, crop (published: none)", "gradient clipping 1 (published: none)",
        "epochs 3 (published: 50)",
        "learning rates 0.001 and 0.002 (published: 0.0001, 0.0005, 0.001 and 0.002)",
    )  # fmt: skip
    assert (
        published_size.departures(view, BN, "R0")[1]
        == "initialisation torch (published: xavier_normal)"
    )


OTHERS = {
    "loss.smoothing": (0.1, "loss.smoothing 0.1 (published: not given)"),
    "optim.accumulation": ("carry", "optim.accumulation carry (published: reset)"),
    "optim.b1": (0.5, "optim.b1 0.5 (published: not given)"),
    "schedule.warmup": (1.0, "schedule.warmup 1 (published: not given)"),
    "average.name": ("swa", "average.name swa (published: none)"),
    "eval.every": ("0.5 epochs", "eval.every 0.5 epochs (published: 1 epoch)"),
    "init_from": (f"{PLACE}/a:m@{'0' * 64}", "init_from a:m:last (published: none)"),
    "stages": ([[0.5, {"optim.name": "sgd"}]],
               "stages from 0.5 on optim.name sgd (published: none)"),
    "select_on": ("train", "select_on train (published: test)"),
}  # fmt: skip


@pytest.mark.parametrize("path", OTHERS)
def test_any_other_setting_takes_the_size(tmp_path, path):
    value, words = OTHERS[path]
    view = measures.view(run_records.read(make(tmp_path, changes={path: value}, seeds=1)))
    assert published_size.departures(view, BN, "R1") == (words,)


@pytest.mark.parametrize("variant", ["r0", "r1"])
def test_the_config_of_a_report_has_its_size(tmp_path, variant):
    """With each setting as a run of it writes it."""
    study = cli.load_study(f"{CONFIGS}/bn.py:{variant}")
    configs = [tree.as_dict(run.config) for run in population.expand(study, lambda _: "0")]
    view = measures.view(run_records.read(make(tmp_path, report=variant.upper(), seeds=1)))
    entries = [
        {**entry, "config": config} for entry, config in zip(view.run.entries, configs, strict=True)
    ]
    view = view._replace(run=view.run._replace(config={**view.run.config, "members": entries}))
    assert published_size.departures(view, BN, variant.upper()) == ()


def test_an_unfinished_run_is_not_at_its_size(tmp_path):
    make(tmp_path, seeds=1)
    content = json.loads((tmp_path / "summary.json").read_text())
    del content["members"]["bn-0.001"]
    (tmp_path / "summary.json").write_text(json.dumps(content))
    view = measures.view(run_records.read(tmp_path))
    assert published_size.departures(view, BN, "R1") == ("1 of 8 members not finished",)


def test_steady_images_a_second_leave_out_the_first_epoch():
    assert speed.steady_rate([100.0, 110.0, 120.0], 500) == 50
    assert math.isnan(speed.steady_rate([100.0], 500)) and math.isnan(speed.steady_rate([], 500))


def test_the_speed_table_by_hand(view):
    for seed in range(2):
        for network, second in (("bn", 20.0), ("plain", 10.0)):
            for lr in RATES:
                member = view.run.records.members[view.cells[network, seed, lr]]
                view.run.records.evaluations[member.id]["seconds"] = np.array([5.0, 5.0 + second])
                view.run.summary[member.id] |= {"seconds": second, "images_per_second": 100.0}
    found = speed.table(view, {"bn": 10_000.0, "plain": 80_000.0})
    assert found.rows == (
        ("with BatchNorm", "8", "20.0", "800", "20,000", "10,000", "2.00"),
        ("without BatchNorm", "8", "10.0", "800", "40,000", "80,000", "0.50"),
        ("both", "16", "30.0", "800", "\u2013", "\u2013", "\u2013"),
    )
    assert [column.title for column in speed.table(view, {}).columns][-1] == (
        "Images/s from epoch 2 on"
    )
