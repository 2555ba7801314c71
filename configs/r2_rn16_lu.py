"""R2, figure 7: RN-16 with four kinds of linear unit, in batches of 16.

    python -m jaxcifar.train --config configs/r2_rn16_lu.py[:published|:asrun|:quick]

That the images are also cropped is inferred. Variants: `jaxcifar.config.reports`.
"""

from jaxcifar.config import Study, replace
from jaxcifar.config.reports import R2, R2_ASRUN, R2_QUICK, R2_TWICE, r2_grid, study

BASE = replace(R2, {"data.augment": ("heavy",), "train.batch_size": 16})
NETWORKS = {
    "leaky": {"model.activation": "leaky_relu"},
    "gelu": {"model.activation": "gelu"},
    "prelu": {"model.activation": "prelu"},
    "elu": {"model.activation": "elu"},
}
RUNS = [("adamw", lr, 1e-1) for lr in (1e-3, 1e-4)]


def get_config(variant: str | None = None) -> Study:
    """Eight members."""
    rows = r2_grid("R2-rn16-lu", NETWORKS, RUNS)
    return study(
        "r2_rn16_lu", BASE, rows, variant, published=R2_TWICE, asrun=R2_ASRUN,
        quick=R2_QUICK | {"data.n_train": 356},
    )  # fmt: skip
