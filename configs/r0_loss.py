"""R0, loss table: four losses, each at the setting it was published with, and focal with gamma 2.

    python -m jaxcifar.train --config configs/r0_loss.py[:published|:asrun|:quick]

The published rows differ in much more than the loss (C31); `r0_loss_controlled.py` has the four
losses at one setting. Variants: `jaxcifar.config.reports`.
"""

from jaxcifar.config import Study
from jaxcifar.config.reports import R0, R0_COSINE, R0_PUBLISHED, R0_QUICK, study

FOCAL = R0_COSINE | {
    "loss.name": "focal", "loss.alpha": 1.0, "loss.gamma": 1.0,  # C5: the config, not the table
    "optim.lr": 5e-3, "optim.weight_decay": 1e-5, "optim.clip": 5.0, "schedule.min_lr": 1e-6,
}  # fmt: skip
ROWS = {
    "R0-loss-ce": {},  # A; C2: without an L1 term
    "R0-loss-ls": R0_COSINE | {  # B
        "loss.smoothing": 0.2, "model.dropout_rate": 0.3, "optim.lr": 5e-4,
        "optim.weight_decay": 1e-5, "schedule.min_lr": 1e-5, "train.epochs": 75,
    },
    "R0-loss-focal": FOCAL,  # C
    "R0-loss-mse": R0_COSINE | {  # D
        "loss.name": "mse", "model.filters": (128, 256, 512), "model.activation": "relu",
        "model.leaky_slope": None, "model.dropout_rate": 0.3, "optim.weight_decay": 1e-5,
        "optim.clip": 5.0, "schedule.min_lr": 1e-6, "train.epochs": 100,
    },
    "R0-loss-focal-g2": FOCAL | {"loss.gamma": 2.0},  # C5: the table's gamma, never run
}  # fmt: skip


def get_config(variant: str | None = None) -> Study:
    """Five members."""
    return study("r0_loss", R0, ROWS, variant, published=R0_PUBLISHED, quick=R0_QUICK)
