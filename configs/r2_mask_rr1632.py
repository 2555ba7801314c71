"""R2, figure 9: RR-16 and RR-32 on the masked images of figure 8, at rates closer together.

    python -m jaxcifar.train --config configs/r2_mask_rr1632.py[:published|:asrun|:quick]

Variants: `jaxcifar.config.reports`.
"""

from jaxcifar.config import Study, replace
from jaxcifar.config.reports import R2, R2_ASRUN, R2_MASKED, R2_PUBLISHED, R2_QUICK, r2_grid, study

BASE = replace(R2, R2_MASKED | {"data.mask_size": (4,), "data.mask_rate": (0.5, 0.7, 0.9)})
NETWORKS = {"rr16": {"model.name": "rr16"}, "rr32": {"model.name": "rr32"}}
RUNS = [("adamw", n / 1e4, n / 100) for n in (4, 3.5, 3, 2)]  # the decay is 100 times the rate


def get_config(variant: str | None = None) -> Study:
    """Eight members."""
    rows = r2_grid("R2-mask-rr1632", NETWORKS, RUNS)
    return study(
        "r2_mask_rr1632", BASE, rows, variant, published=R2_PUBLISHED, asrun=R2_ASRUN,
        quick=R2_QUICK,
    )  # fmt: skip
