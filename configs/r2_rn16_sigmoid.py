"""R2, figure 6: RN-16 with LeakyReLU and Sigmoid, with high and without weight decay.

    python -m jaxcifar.train --config configs/r2_rn16_sigmoid.py[:published|:asrun|:quick]

Rates and decays are the figure's, not the text's (C14); that the images are also cropped is
inferred. Variants: `jaxcifar.config.reports`.
"""

from jaxcifar.config import Study, replace
from jaxcifar.config.reports import R2, R2_ASRUN, R2_QUICK, R2_TWICE, r2_grid, study

BASE = replace(R2, {"data.augment": ("heavy",)})
NETWORKS = {
    "leaky": {"model.activation": "leaky_relu"},
    "sigmoid": {"model.activation": "sigmoid"},
}
RUNS = [("adamw", lr, decay) for lr in (1e-3, 1e-4) for decay in (1e-1, 0.0)]


def get_config(variant: str | None = None) -> Study:
    """Eight members."""
    rows = r2_grid("R2-rn16-sigmoid", NETWORKS, RUNS)
    return study(
        "r2_rn16_sigmoid", BASE, rows, variant, published=R2_TWICE, asrun=R2_ASRUN, quick=R2_QUICK
    )  # fmt: skip
