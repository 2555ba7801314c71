"""R2, figure 8: RN-16 and RR-16 on images with half to nine tenths of the 4x4 blocks masked.

    python -m jaxcifar.train --config configs/r2_mask_rn_rr.py[:published|:asrun|:quick]

An epoch visits the images once with each rate; whole colour channels of the input are dropped too
(C15). The test images are not masked. Variants: `jaxcifar.config.reports`.
"""

from jaxcifar.config import Study, replace
from jaxcifar.config.reports import (
    R2,
    R2_ASRUN,
    R2_DROPPED,
    R2_MASKED,
    R2_PUBLISHED,
    R2_QUICK,
    r2_grid,
    study,
)

BASE = replace(R2, R2_MASKED | {"data.mask_size": (4,), "data.mask_rate": (0.5, 0.7, 0.9)})
NETWORKS = {"rn16": {"model.name": "rn16"} | R2_DROPPED, "rr16": {"model.name": "rr16"}}
RUNS = [("adamw", n / 1e4, n / 100) for n in (7, 5, 3, 1)]  # the decay is 100 times the rate


def get_config(variant: str | None = None) -> Study:
    """Eight members."""
    rows = r2_grid("R2-mask-rn-rr", NETWORKS, RUNS)
    return study(
        "r2_mask_rn_rr", BASE, rows, variant, published=R2_PUBLISHED, asrun=R2_ASRUN,
        quick=R2_QUICK,
    )  # fmt: skip
