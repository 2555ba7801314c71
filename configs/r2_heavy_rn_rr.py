"""R2: RN-16, RR-16 and RR-32 on cropped and flipped images, as the code has them. Never published.

    python -m jaxcifar.train --config configs/r2_heavy_rn_rr.py[:published|:asrun|:quick]

The pairs of rate and decay are inferred. Two networks are here for the report's claims: RN-16
also without the dropped colour channels that RR-16 has (C15), whether dropout beside BatchNorm does
harm; RR-32, which `r2_finetune.py` trains on masked images first, how many epochs that costs.
Variants: `jaxcifar.config.reports`.
"""

from jaxcifar.config import Study, replace
from jaxcifar.config.reports import R2, R2_ASRUN, R2_DROPPED, R2_PUBLISHED, R2_QUICK, r2_grid, study

BASE = replace(R2, {"data.augment": ("heavy",)})
NETWORKS = {
    "rn16": {"model.name": "rn16"} | R2_DROPPED,
    "rr16": {"model.name": "rr16"},
    "rr32": {"model.name": "rr32"},
    "rn16-nodrop": {"model.name": "rn16"},
}
RUNS = [("adamw", *pair) for pair in ((1e-4, 1e-2), (1e-4, 5e-3), (5e-5, 5e-3), (5e-5, 1e-3))]


def get_config(variant: str | None = None) -> Study:
    """Sixteen members."""
    rows = r2_grid("R2-heavy-rn-rr", NETWORKS, RUNS)
    return study(
        "r2_heavy_rn_rr", BASE, rows, variant, published=R2_PUBLISHED, asrun=R2_ASRUN,
        quick=R2_QUICK,
    )  # fmt: skip
