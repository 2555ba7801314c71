"""R0, optimizer table: the conditioned CNN with Adam, SGD and sign-SGD.

    python -m jaxcifar.train --config configs/r0_optimizer.py[:published|:asrun|:quick]

The first row is the same run as the loss table's first. Variants: `jaxcifar.config.reports`.
"""

from jaxcifar.config import Study
from jaxcifar.config.reports import R0, R0_PUBLISHED, R0_QUICK, study

ROWS = {
    "R0-opt-adam": {},  # C2: without an L1 term
    "R0-opt-sgd": {"optim.name": "sgd", "optim.momentum": 0.9},
    "R0-opt-signsgd": {"optim.name": "sign_sgd", "optim.momentum": 0.9},
}


def get_config(variant: str | None = None) -> Study:
    """Three members."""
    return study("r0_optimizer", R0, ROWS, variant, published=R0_PUBLISHED, quick=R0_QUICK)
