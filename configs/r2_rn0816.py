"""R2, figure 4: 8 and 16 residual blocks, two optimizers with two weight decays each.

    python -m jaxcifar.train --config configs/r2_rn0816.py[:published|:asrun|:quick]

Variants: `jaxcifar.config.reports`.
"""

from itertools import product

from jaxcifar.config import Study
from jaxcifar.config.reports import R2, R2_ASRUN, R2_QUICK, R2_TWICE, r2_grid, study

NETWORKS = {"rn08": {"model.name": "rn8"}, "rn16": {"model.name": "rn16"}}  # C15: no dropout
RUNS = [(*run, decay) for run, decay in product((("sgdwm", 1e-3), ("adamw", 1e-4)), (1e-3, 1e-4))]


def get_config(variant: str | None = None) -> Study:
    """Eight members."""
    rows = r2_grid("R2-rn0816", NETWORKS, RUNS)
    return study("r2_rn0816", R2, rows, variant, published=R2_TWICE, asrun=R2_ASRUN, quick=R2_QUICK)
