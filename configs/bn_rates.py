"""The largest stable learning rate: VGG-A with and without BatchNorm, rates double from 1e-4.

    python -m jaxcifar.train --config configs/bn_rates.py[:quick|:small]

none    one epoch of Adam at 1e-4, 2e-4, ... up to 3.2768, as the first report trained otherwise:
        Xavier-normal weights, zero biases, all 50,000 images, the seed set anew for each run
:quick  the same at width 0.125 on synthetic images, up to 0.4096: minutes on 2 CPU cores
:small  the same at width 0.125, up to 0.4096: what 2 CPU cores can do of it in ten minutes. The
        epoch has all 50,000 images; 2,000 test images are scored

A run diverged if its training loss is not finite, or above 2.3 nats after its epoch: no better than
guessing among ten classes. Nothing is selected by the test set, which no run needs.
"""

import bn  # beside this file

from jaxcifar.config import Study, replace, sweep
from jaxcifar.core.errors import unknown

RATES = tuple(1e-4 * 2**k for k in range(16))
BASE = replace(bn.BASE, bn.VARIANTS["r0"] | {"train.epochs": 1, "eval.train": False})
FEW = 13  # rates of the small variants
SMALL = {"model.width": 0.125, "data.n_test": 2000}
VARIANTS = {
    None: {},
    "quick": SMALL | {
        "data.name": "synthetic",
        "data.n_train": 6400,  # 50 full batches
    },
    "small": SMALL | {"checkpoint.save_every": "0.5 epochs"},
}  # fmt: skip


def get_config(variant: str | None = None) -> Study:
    """One member for each network and rate."""
    if variant not in VARIANTS:
        raise unknown("variant", str(variant), filter(None, VARIANTS))
    rates = RATES[:FEW] if variant else RATES
    members = sweep({"model.norm": tuple(bn.NETWORKS), "optim.lr": rates}, name=bn.short_name)
    return Study("bn_rates", replace(BASE, VARIANTS[variant]), members)
