"""R1's claims about regularisation, on CANet-tiny: what each ingredient adds. Never published.

    python -m jaxcifar.train --config configs/r1_regularisation.py[:published|:asrun|:quick]

The control is CANet-tiny as in `r1_models.py`. The claims: label smoothing improves calibration;
dropout, colour jitter and rotation do not help. Variants: `jaxcifar.config.reports`.
"""

from jaxcifar.config import Study, replace
from jaxcifar.config.reports import R1, R1_ASRUN, R1_PUBLISHED, R1_QUICK, study

BASE = replace(R1, {"eval.histograms": True, "eval.probes": True})
ROWS = {
    "R1-canet-tiny-control": {},
    "R1-canet-tiny-no-smoothing": {"loss.smoothing": 0.0},
    "R1-canet-tiny-dropout": {"model.dropout_rate": 0.1},
    # how strong, and where among the others, the report does not say: the defaults, after cropping
    "R1-canet-tiny-jitter": {"data.augment": ("hflip", "crop", "jitter", "erase", "mix")},
    "R1-canet-tiny-rotation": {"data.augment": ("hflip", "crop", "rotation", "erase", "mix")},
    "R1-canet-tiny-no-mix": {"data.augment": ("hflip", "crop", "erase")},  # C7
}


def get_config(variant: str | None = None) -> Study:
    """Six members."""
    return study(
        "r1_regularisation", BASE, ROWS, variant, published=R1_PUBLISHED, asrun=R1_ASRUN,
        quick=R1_QUICK | {"data.n_train": 711},
    )  # fmt: skip
