"""R2, figure 1: the dense network under four optimizers at two rates each.

    python -m jaxcifar.train --config configs/r2_fcnn.py[:published|:asrun|:quick]

The text has dropout 0.3, the code never applied it and so the figure has none (C13):
--config.model.dropout_rate=0.3 gives the text's. Variants: `jaxcifar.config.reports`.
"""

from jaxcifar.config import Study, replace
from jaxcifar.config.reports import QUICK, R2, R2_ASRUN, R2_TWICE, r2_grid, study

BASE = replace(R2, {"model.name": "fcnn", "optim.weight_decay": 1e-4})
RUNS = (
    ("sgd", 5e-3), ("sgd", 1e-3), ("sgdwm", 1e-3), ("sgdwm", 5e-4),
    ("adam", 5e-5), ("adam", 1e-5), ("adamw", 5e-5), ("adamw", 1e-5),
)  # fmt: skip


def get_config(variant: str | None = None) -> Study:
    """Eight members."""
    rows = r2_grid("R2-fcnn", {"": {}}, RUNS)
    return study("r2_fcnn", BASE, rows, variant, published=R2_TWICE, asrun=R2_ASRUN, quick=QUICK)
