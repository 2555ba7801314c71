"""R0: the conditioned CNN at the report's best setting.

    python -m jaxcifar.train --config configs/r0_best.py[:published|:asrun|:quick]

The report calls it a network of 2.6 million parameters; its setting gives 5.8 million (C3).
Variants: `jaxcifar.config.reports`.
"""

from jaxcifar.config import Study, replace
from jaxcifar.config.reports import R0, R0_COSINE, R0_PUBLISHED, R0_QUICK, study

BASE = replace(R0, R0_COSINE | {
    "model.filters": (128, 256, 512), "model.leaky_slope": 0.05,  # C3, C4
    "model.dropout_rate": 0.4, "loss.smoothing": 0.15, "optim.lr": 2e-3,
    "optim.weight_decay": 1e-5, "optim.clip": 5.0, "schedule.min_lr": 1e-6, "train.epochs": 100,
})  # fmt: skip


def get_config(variant: str | None = None) -> Study:
    """One member."""
    return study("r0_best", BASE, {"R0-best": {}}, variant, published=R0_PUBLISHED, quick=R0_QUICK)
