"""R2, figure 3: four residual blocks before the encoder, the runs of figure 2.

    python -m jaxcifar.train --config configs/r2_rn04.py[:published|:asrun|:quick]

Variants: `jaxcifar.config.reports`.
"""

from jaxcifar.config import Study, replace
from jaxcifar.config.reports import R2, R2_ASRUN, R2_QUICK, R2_TWICE, r2_grid, study

BASE = replace(R2, {"model.name": "rn4", "optim.weight_decay": 1e-4})
RUNS = (
    ("sgd", 1e-3), ("sgd", 3e-4), ("sgdwm", 1e-3), ("sgdwm", 3e-4),
    ("adam", 3e-5), ("adam", 1e-5), ("adamw", 3e-5), ("adamw", 1e-5),
)  # fmt: skip


def get_config(variant: str | None = None) -> Study:
    """Eight members."""
    rows = r2_grid("R2-rn04", {"": {}}, RUNS)
    return study("r2_rn04", BASE, rows, variant, published=R2_TWICE, asrun=R2_ASRUN, quick=R2_QUICK)
