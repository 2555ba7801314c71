"""R2, figure 5: RN-16 with LeakyReLU and Tanh, with and without weight decay.

    python -m jaxcifar.train --config configs/r2_rn16_tanh.py[:published|:asrun|:quick]

Tanh and Sigmoid are one experiment in the text, two in the figures, which are followed (C14). The
runs were stopped at 50 epochs. Variants: `jaxcifar.config.reports`.
"""

from jaxcifar.config import Study, replace
from jaxcifar.config.reports import R2, R2_ASRUN, R2_QUICK, R2_TWICE, r2_grid, study

BASE = replace(R2, {"train.epochs": 50})
NETWORKS = {
    "leaky": {"model.activation": "leaky_relu"},
    "tanh": {"model.activation": "tanh"},
}
RUNS = [("adamw", lr, decay) for lr in (1e-4, 5e-5) for decay in (1e-2, 0.0)]


def get_config(variant: str | None = None) -> Study:
    """Eight members."""
    rows = r2_grid("R2-rn16-tanh", NETWORKS, RUNS)
    return study(
        "r2_rn16_tanh", BASE, rows, variant, published=R2_TWICE, asrun=R2_ASRUN, quick=R2_QUICK
    )  # fmt: skip
