"""Sensitivity to the start: two initialisations, five seeds, four rates, two networks.

    python -m jaxcifar.train --config configs/bn_init.py[:quick|:small]

none    as the second report trained, from PyTorch's default initialisation and from Xavier-normal
        weights with zero biases: 50 epochs, all 50,000 images, 80 members
:quick  the same at width 0.125 on synthetic images, 3 epochs, two seeds: minutes on 2 CPU cores
:small  the same at width 0.125 on the first 8,960 images, 4 epochs, all five seeds, 2,000 test
        images: what 2 CPU cores can do of it within the half hour

The test set is followed epoch by epoch, as the report did, and chooses nothing: the last weights
count. A seed's members share the order of their images.
"""

import bn  # beside this file

from jaxcifar.config import Study, replace, sweep
from jaxcifar.core.errors import unknown

INITIALISATIONS = {"torch": "torch", "xavier_normal": "xavier"}  # and their names in members' ids
BASE = replace(bn.BASE, bn.VARIANTS["r1"] | {"eval.train": False})
SMALL = {"model.width": 0.125, "data.n_test": 2000}
VARIANTS = {
    None: {},
    "quick": SMALL | {"data.name": "synthetic", "data.n_train": 2560, "train.epochs": 3},
    "small": SMALL | {
        "data.n_train": 8960,  # 70 full batches an epoch
        "train.epochs": 4,
    },
}  # fmt: skip
SEEDS = {"quick": 2}


def get_config(variant: str | None = None) -> Study:
    """Sixteen members a seed: network x initialisation x rate."""
    if variant not in VARIANTS:
        raise unknown("variant", str(variant), filter(None, VARIANTS))
    members = sweep(
        {
            "model.norm": tuple(bn.NETWORKS),
            "model.init": tuple(INITIALISATIONS),
            "optim.lr": bn.RATES,
        },
        name=lambda row: f"{bn.short_name(row)}-{INITIALISATIONS[row['model.init']]}",
    )
    return Study("bn_init", replace(BASE, VARIANTS[variant]), members, SEEDS.get(variant, 5))
