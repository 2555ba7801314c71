"""The BatchNorm study: VGG-A with and without BatchNorm at four learning rates each.

    python -m jaxcifar.train --config configs/bn.py[:quick|:small|:r0|:r1]

none    20 epochs, 10 % validation split, the test set never selects
:quick  the same plan at width 0.25 on synthetic images: eight members in minutes on 2 CPU cores
:small  :r1 at width 0.25, 3 epochs and 2 seeds: what 2 CPU cores can do of it within the hour. It
        keeps all that decides which recorded number stands beside ours: the 50,000 images (391
        steps an epoch), PyTorch's initialisation, the test set followed epoch by epoch, which :r1
        has on record and :r0 has not. Training images are not scored again after each epoch
:r0     as the first report ran it: Xavier-normal weights, zero biases, the seed set anew for each
        network and rate, 20 epochs
:r1     as the second report ran it: PyTorch's default initialisation, seeded once, 50 epochs

:small, :r0 and :r1 train on all 50,000 images and follow the test set epoch by epoch, as the
reports did. No rate, epoch or network was chosen by it: the last weights count, the best are shown
beside them.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

from jaxcifar.config import (
    Config,
    DataConfig,
    Member,
    ModelConfig,
    OptimConfig,
    Study,
    TrainConfig,
    replace,
    sweep,
)
from jaxcifar.config.reports import scientific
from jaxcifar.core.errors import unknown

RATES = (1e-3, 2e-3, 5e-4, 1e-4)
NETWORKS = {"batch": "bn", "none": "plain"}  # model.norm -> its name in members' ids
BASE = Config(
    data=DataConfig(normalisation="half"),
    model=ModelConfig(name="vgg_a", init="torch"),
    optim=OptimConfig(name="adam"),
    train=TrainConfig(
        epochs=20, batch_size=128, record=("last_layer_grad", "first_conv_grad_norm")
    ),
)
AS_RUN = {"data.validation": 0.0, "select": "last", "select_on": "test", "seed": 2020}
VARIANTS = {
    None: {},
    "quick": {
        "data.name": "synthetic",
        "data.n_train": 7111,  # 6,400 train: 50 full batches an epoch
        "data.n_test": 2000,
        "model.width": 0.25,
        "train.epochs": 3,
    },
    "small": AS_RUN
    | {"model.width": 0.25, "train.epochs": 3, "checkpoint.save_every": "0.5 epochs"},
    "r0": AS_RUN | {"model.init": "xavier_normal", "eval.train": True},
    "r1": AS_RUN | {"train.epochs": 50, "eval.train": True},
}
SEEDS = {"small": 2}
SEEDED_ONCE = ("small", "r1")


def get_config(variant: str | None = None) -> Study:
    """Eight members: norm in {batch, none} x four learning rates."""
    if variant not in VARIANTS:
        raise unknown("variant", str(variant), filter(None, VARIANTS))
    members = sweep(
        {"model.norm": tuple(NETWORKS), "optim.lr": RATES},
        name=partial(_name, variant),
    )
    if variant in SEEDED_ONCE:  # so that each member drew its own weights and order
        members = tuple(
            Member(member.id, {**member.overrides, "seed": 2020 + 1000 * index})
            for index, member in enumerate(members)
        )
    return Study("bn", replace(BASE, VARIANTS[variant]), members, SEEDS.get(variant, 1))


def short_name(row: Mapping[str, Any]) -> str:
    """``bn-0.001`` or ``plain-0.001``."""
    return f"{NETWORKS[row['model.norm']]}-{row['optim.lr']:g}"


def _name(variant: str | None, row: Mapping[str, Any]) -> str:
    if variant in ("r0", "r1"):  # rows of the two reports' own tables
        network = NETWORKS[row["model.norm"]]
        return f"{variant.upper()}-bn-{network}-{scientific(row['optim.lr'])}"
    return short_name(row)
