"""R0: the loss table's four losses, all at the setting of its first row (C31). Never published.

    python -m jaxcifar.train --config configs/r0_loss_controlled.py[:published|:asrun|:quick]

Variants: `jaxcifar.config.reports`.
"""

from jaxcifar.config import Study
from jaxcifar.config.reports import R0, R0_PUBLISHED, R0_QUICK, study

ROWS = {
    "R0-loss-controlled-ce": {},
    "R0-loss-controlled-ls": {"loss.smoothing": 0.2},
    "R0-loss-controlled-focal": {"loss.name": "focal", "loss.alpha": 1.0, "loss.gamma": 1.0},
    "R0-loss-controlled-mse": {"loss.name": "mse"},
}


def get_config(variant: str | None = None) -> Study:
    """Four members."""
    return study("r0_loss_controlled", R0, ROWS, variant, published=R0_PUBLISHED, quick=R0_QUICK)
