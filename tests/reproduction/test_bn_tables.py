"""Tables of the BatchNorm study's page, and how its numbers are shown."""

import math

import pytest
from made_bn import RATES, as_recorded, load, make, set_losses

from jaxcifar.core.wording import DASH
from jaxcifar.report.blocks import Column, Table
from jaxcifar.reproduction import reference
from jaxcifar.reproduction.batchnorm import tables
from jaxcifar.reproduction.batchnorm.differences import Tolerance

BN = reference.load("bn")
LIMITS = Tolerance(**BN["tolerance"])


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
