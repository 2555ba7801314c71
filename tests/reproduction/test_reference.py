"""The recorded reference numbers: digits, shapes, and that they agree with each other."""

import math

import numpy as np
import pytest

from jaxcifar.reproduction import reference

BN = reference.load("bn")
NETWORKS = ("bn", "plain")


@pytest.mark.parametrize(
    "report, what, network, rate, epoch, value",
    [
        ("R0", "train_loss", "bn", 1e-4, 1, 1.2284),
        ("R0", "train_loss", "plain", 2e-3, 20, 0.2350),
        ("R1", "train_loss", "plain", 2e-3, 45, 0.2492),
        ("R1", "train_loss", "bn", 1e-3, 50, 0.0160),
        ("R1", "test_accuracy", "bn", 1e-3, 50, 84.29),
        ("R1", "test_accuracy", "plain", 1e-4, 8, 68.49),
        ("R0", "first_conv_gradient_norm", "plain", 1e-4, 10, 4.89),
    ],
)
def test_digits_of_tables(report, what, network, rate, epoch, value):
    found = reference.curve(BN[report], what, network)
    row = BN["rates"].index(rate)
    assert found.values[row, list(found.epochs).index(epoch)] == value


def test_digits_of_single_numbers():
    r1 = BN["R1"]
    assert reference.curve(r1, "band_width", "plain").values[-2] == 0.240
    assert r1["best_accuracy"]["plain"] == [75.77, 77.59, 75.86, 72.74]
    assert r1["first_step_loss"]["bn"][2] == 2.3212
    assert r1["spikes"] == {"bn": 0, "plain": 11}
    assert r1["highest_loss"]["plain"] == {"loss": 4.836, "step": 17409}
    assert BN["R0"]["first_conv_gradient_norm"]["first_step"] == {"bn": 3.984, "plain": 0.004}
    assert BN["R0"]["claimed"]["epochs_to_50"] == {"bn": 10, "plain": 25}
    assert BN["landscape"]["vgg"]["test_accuracy"] == {"bn": 83, "plain": 80}


@pytest.mark.parametrize(
    "report, what, shape",
    [
        ("R0", "train_loss", (4, 20)),
        ("R0", "first_conv_gradient_norm", (4, 6)),
        ("R1", "train_loss", (4, 16)),
        ("R1", "test_accuracy", (4, 16)),
        ("R1", "band_width", (16,)),
    ],
)
def test_shapes_and_rising_epochs(report, what, shape):
    for network in NETWORKS:
        found = reference.curve(BN[report], what, network)
        assert found.values.shape == shape and found.epochs.shape == shape[-1:]
        assert (np.diff(found.epochs) > 0).all() and np.isfinite(found.values).all()
        assert found.epochs[-1] == BN[report]["config"]["train.epochs"]


def test_every_quantity_has_a_unit():
    inside = {"steps", "steps_per_epoch", "seed", "config", "claimed", "best_epoch_at_0.001"}
    for report in ("R0", "R1"):
        assert set(BN[report]) - inside <= set(BN["units"])


@pytest.mark.parametrize("report", ["R0", "R1"])
def test_steps_are_those_of_the_whole_training_set(report):
    config, each = BN[report]["config"], BN[report]["steps_per_epoch"]
    assert each == math.ceil(50_000 / config["train.batch_size"])
    assert BN[report]["steps"] == each * config["train.epochs"]


@pytest.mark.parametrize("network", NETWORKS)
def test_numbers_of_one_log_agree(network):
    """What was taken down twice, or follows from what was: no slip of the pen."""
    means = reference.curve(BN["R0"], "train_loss", network).values
    widths = means.max(0) - means.min(0)
    assert widths.mean() == pytest.approx(BN["R0"]["mean_width"][network], abs=5e-4)
    first = reference.curve(BN["R0"], "width_of_epoch_means", network)
    assert widths[0] == pytest.approx(first.values[0], abs=5e-4)
    accuracy = reference.curve(BN["R1"], "test_accuracy", network)
    final, best = (BN["R1"][f"{kind}_accuracy"][network] for kind in ("final", "best"))
    np.testing.assert_array_equal(accuracy.values[:, -1], final)
    assert (accuracy.values.max(1) <= best).all()
    for level, rows in BN["R1"]["epochs_to"].items():
        for curve, top, epoch in zip(accuracy.values, best, rows[network], strict=True):
            assert (top >= float(level)) == (epoch is not None)
            assert all(accuracy.epochs[curve >= float(level)] >= (epoch or math.inf))


def test_a_curve_that_was_not_recorded_and_one_cut_short():
    assert reference.curve(BN["R0"], "test_accuracy", "bn") is None
    own = reference.curve(BN["R1"], "last_layer_gradient_max", "bn")
    np.testing.assert_array_equal(own.epochs, [1, 2, 26, 31, 50])
    short = reference.curve(BN["R1"], "train_loss", "bn").until(7)
    assert short.values.shape == (4, 6) and short.epochs[-1] == 6
