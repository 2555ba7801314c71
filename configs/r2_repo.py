"""R2, figure 12: three forms of the CIFAR-ResNet of 20 layers, reproducing a public repository.

    python -m jaxcifar.train --config configs/r2_repo.py[:published|:asrun|:quick]

rcog is the repository's network; rc is the same with an activation that can be chosen, so that rc
and rcog differ by their seed alone (C17); rci has BatchNorm before each convolution. The two
networks with published accuracies were trained with momentum (C18). Variants:
`jaxcifar.config.reports`; what the repository itself reports is in `r2_depth.py`.
"""

from jaxcifar.config import Study, replace
from jaxcifar.config.reports import QUICK, R2, R2_ASRUN, R2_PUBLISHED, R2_REPO, r2_grid, study

BASE = replace(R2, R2_REPO)
NETWORKS = {
    "rcog20": {"model.name": "cifar_resnet20"},
    "rc20": {"model.name": "cifar_resnet20", "seed": 1000},  # C17
    "rci20": {"model.name": "rci20", "model.activation": "leaky_relu"},
}
RUNS = (("sgdwm-steps", 0.1, 1e-4), ("adamw", 1e-4, 1e-4))


def get_config(variant: str | None = None) -> Study:
    """Six members."""
    rows = r2_grid("R2-repo", NETWORKS, RUNS)
    return study(
        "r2_repo", BASE, rows, variant, published=R2_PUBLISHED, asrun=R2_ASRUN,
        quick=QUICK | {"data.n_train": 711},
    )  # fmt: skip
