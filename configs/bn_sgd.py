"""Late spikes with SGD beside Adam: VGG-A with and without BatchNorm, four rates of each optimizer.

    python -m jaxcifar.train --config configs/bn_sgd.py[:quick|:small]

none    the second report's runs, 50 epochs on all 50,000 images, with Adam at its rates and with
        SGD, momentum 0.9, at 25 times those: at Adam's own rates SGD would hardly leave the start
:quick  the same at width 0.125 on synthetic images, 5 epochs: minutes on 2 CPU cores
:small  100 epochs of the first 1,024 images in batches of 64, at width 0.125: what 2 CPU cores
        can do of it within a quarter of an hour. From PyTorch's initialisation SGD without
        BatchNorm would not leave the level of guessing in these 1,600 steps, so here its weights
        are Xavier-normal and its biases zero

Both optimizers train here on the same images in the same order, so that their spikes are counted
side by side. The test set is followed, as the report did, and chooses nothing.
"""

from collections.abc import Sequence

import bn  # beside this file

from jaxcifar.config import Member, Study, replace, sweep
from jaxcifar.core.errors import unknown

FACTOR = 25  # SGD's rates over Adam's
BASE = replace(bn.BASE, bn.VARIANTS["r1"] | {"eval.train": False})
SMALL = {"model.width": 0.125, "model.init": "xavier_normal", "data.n_test": 1000}
VARIANTS = {
    None: {},
    "quick": SMALL | {"data.name": "synthetic", "data.n_train": 2560, "train.epochs": 5},
    "small": SMALL | {
        "data.n_train": 1024,  # 16 full batches an epoch
        "train.batch_size": 64,
        "train.epochs": 100,
        "eval.every": "10 epochs",
        "checkpoint.save_every": "10 epochs",
    },
}  # fmt: skip


def get_config(variant: str | None = None) -> Study:
    """Sixteen members: optimizer x network x rate."""
    if variant not in VARIANTS:
        raise unknown("variant", str(variant), filter(None, VARIANTS))
    members = (*_members("adam", bn.RATES), *_members("sgd", [FACTOR * lr for lr in bn.RATES]))
    return Study("bn_sgd", replace(BASE, VARIANTS[variant]), members)


def _members(optimizer: str, rates: Sequence[float]) -> tuple[Member, ...]:
    axes = {"optim.name": (optimizer,), "model.norm": tuple(bn.NETWORKS), "optim.lr": tuple(rates)}
    given = {"optim.momentum": 0.9} if optimizer == "sgd" else {}
    return tuple(
        Member(member.id, {**member.overrides, **given})
        for member in sweep(axes, name=lambda row: f"{optimizer}-{bn.short_name(row)}")
    )
