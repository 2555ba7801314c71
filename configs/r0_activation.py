"""R0, activation table: the conditioned CNN with LeakyReLU, ReLU and ELU.

    python -m jaxcifar.train --config configs/r0_activation.py[:published|:asrun|:quick]

Variants: `jaxcifar.config.reports`. After training the networks are looked into (`eval.probes`):
the share of dead channels is what the report's claim about LeakyReLU is about.
"""

from jaxcifar.config import Study, replace
from jaxcifar.config.reports import R0, R0_COSINE, R0_PUBLISHED, R0_QUICK, study

# C27: only activation, loss, optimizer and schedule are on record; the rest is the tables' common
# setting, with clip 5
BASE = replace(R0, R0_COSINE | {"schedule.min_lr": 1e-6, "optim.clip": 5.0, "eval.probes": True})
ROWS = {
    "R0-act-leaky": {},
    "R0-act-relu": {"model.activation": "relu", "model.leaky_slope": None},
    "R0-act-elu": {"model.activation": "elu", "model.leaky_slope": None},
}


def get_config(variant: str | None = None) -> Study:
    """Three members."""
    return study("r0_activation", BASE, ROWS, variant, published=R0_PUBLISHED, quick=R0_QUICK)
