"""R2, figure 2: the convolutional encoder under four optimizers at two rates each.

    python -m jaxcifar.train --config configs/r2_conve.py[:published|:asrun|:quick]

Variants: `jaxcifar.config.reports`.
"""

from jaxcifar.config import Study, replace
from jaxcifar.config.reports import QUICK, R2, R2_ASRUN, R2_TWICE, r2_grid, study

BASE = replace(R2, {"model.name": "conv_encoder", "optim.weight_decay": 1e-4})
RUNS = (
    ("sgd", 1e-3), ("sgd", 3e-4), ("sgdwm", 1e-3), ("sgdwm", 3e-4),
    ("adam", 3e-5), ("adam", 1e-5), ("adamw", 3e-5), ("adamw", 1e-5),
)  # fmt: skip


def get_config(variant: str | None = None) -> Study:
    """Eight members."""
    rows = r2_grid("R2-conve", {"": {}}, RUNS)
    return study("r2_conve", BASE, rows, variant, published=R2_TWICE, asrun=R2_ASRUN, quick=QUICK)
