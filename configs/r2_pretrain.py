"""R2, figure 10: RR-32 on images of which nine tenths are masked, in blocks of 4, 2 and 1 pixels.

    python -m jaxcifar.train --config configs/r2_pretrain.py[:published|:asrun|:quick]

`r2_finetune.py` begins with this training and goes on with whole images. Variants:
`jaxcifar.config.reports`.
"""

from jaxcifar.config import Study, replace
from jaxcifar.config.reports import R2, R2_ASRUN, R2_MASKED, R2_PUBLISHED, R2_QUICK, r2_grid, study

BASE = replace(R2, R2_MASKED | {
    "model.name": "rr32", "data.mask_size": (4, 2, 1), "data.mask_rate": (0.9,),
})  # fmt: skip
RUNS = (("adamw", 2e-4, 2e-2), ("adamw", 2e-4, 0.0))


def get_config(variant: str | None = None) -> Study:
    """Two members."""
    rows = r2_grid("R2-pretrain", {"": {}}, RUNS)
    return study(
        "r2_pretrain", BASE, rows, variant, published=R2_PUBLISHED, asrun=R2_ASRUN,
        quick=R2_QUICK,
    )  # fmt: skip
