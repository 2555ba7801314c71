"""R0: stochastic weight averaging of the conditioned CNN, trained with SGD.

    python -m jaxcifar.train --config configs/r0_swa.py[:published|:asrun|:quick]

The weights at the ends of the last fifth of the epochs are averaged while the rate ramps up to
0.05. The published accuracy is the averaged network's, worse than the last before averaging began
(C26). Variants: `jaxcifar.config.reports`; the averaged weights are scored in each.
"""

from jaxcifar.config import Study, replace
from jaxcifar.config.reports import R0, R0_COSINE, R0_PUBLISHED, R0_QUICK, study

BASE = replace(R0, R0_COSINE | {
    "model.filters": (128, 256, 512), "model.leaky_slope": 0.05, "model.dropout_rate": 0.4,  # C4
    "loss.smoothing": 0.15, "optim.name": "sgd", "optim.lr": 2e-3, "optim.momentum": 0.9,
    "optim.weight_decay": 1e-5, "optim.clip": 5.0, "schedule.min_lr": 1e-6, "train.epochs": 100,
    "schedule.swa_start": 80, "schedule.swa_lr": 0.05, "schedule.swa_ramp": 10,
    "average.name": "swa", "average.start": 0.8, "select": "swa",  # C26
})  # fmt: skip
QUICK = R0_QUICK | {"schedule.swa_start": 1}


def get_config(variant: str | None = None) -> Study:
    """One member."""
    return study("r0_swa", BASE, {"R0-swa": {}}, variant, published=R0_PUBLISHED, quick=QUICK)
