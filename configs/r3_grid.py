"""R3: the residual CNN at three learning rates with Adam and SGD, in batches of 128 and 32.

    python -m jaxcifar.train --config configs/r3_grid.py[:published|:asrun|:quick]

Rates are the table's (C28). Its best run had batches of 32 or of 128, and its conclusion on batch
sizes rests on that run alone (C28, C34): each row is run with both. SGD's momentum is not stated:
0.9, and 0 in rows of their own (C28b). Variants: `jaxcifar.config.reports`.
"""

from jaxcifar.config import Config, DataConfig, ModelConfig, OptimConfig, Study, TrainConfig
from jaxcifar.config.reports import QUICK, study

BASE = Config(
    data=DataConfig(normalisation="cifar_b", augment=("crop", "hflip")),
    model=ModelConfig(name="resnet_r3"),
    optim=OptimConfig(name="adam"),
    train=TrainConfig(epochs=10, batch_size=128),
)
SGD = {"optim.name": "sgd", "optim.momentum": 0.9}
TABLE = {
    "R3-1": {"optim.lr": 1e-3},
    "R3-2": SGD | {"optim.lr": 1e-3},
    "R3-3": {"optim.lr": 5e-4},
    "R3-4": SGD | {"optim.lr": 5e-4},
    "R3-5": {"optim.lr": 1e-4},
    "R3-6": SGD | {"optim.lr": 1e-4},
}
SMALL_BATCH = {"train.batch_size": 32}
ROWS = {
    **TABLE,
    "R3-1": TABLE["R3-1"] | SMALL_BATCH,  # C28: 32 in the table
    "R3-1-batch128": TABLE["R3-1"],
    **{f"{row}-batch32": TABLE[row] | SMALL_BATCH for row in TABLE if row != "R3-1"},
    **{
        f"{row}-momentum0": TABLE[row] | {"optim.momentum": 0.0} for row in ("R3-2", "R3-4", "R3-6")
    },
}
LAST = {"select": "last"}  # tested at the end
# C19: what the report calls validation is the training set, augmented
ASRUN = LAST | {"data.validation": 0.0, "select_on": "train_augmented"}
# 0.4 G multiply-accumulates an image, fifteen times
SMALL = QUICK | {"data.n_train": 142, "data.n_test": 200, "train.epochs": 1}


def get_config(variant: str | None = None) -> Study:
    """Fifteen members."""
    return study("r3_grid", BASE, ROWS, variant, published=LAST, asrun=ASRUN, quick=SMALL)
