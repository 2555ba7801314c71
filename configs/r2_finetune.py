"""R2, figure 11: RR-32 pre-trained on masked images, then fine-tuned twice on whole ones.

    python -m jaxcifar.train --config configs/r2_finetune.py[:published|:asrun|:quick]

One run of three stages of 100 epochs: the pre-training of `r2_pretrain.py` with weight decay, a
fine-tuning, and the same fine-tuning again with a fresh optimizer and schedule; the figure shows
the third stage. So each seed is fine-tuned from weights of its own, and one command does it all.
Variants: `jaxcifar.config.reports`.
"""

from jaxcifar.config import Stage, Study, replace
from jaxcifar.config.reports import R2, R2_ASRUN, R2_MASKED, R2_PUBLISHED, R2_QUICK, study

BASE = replace(R2, R2_MASKED | {
    "model.name": "rr32", "data.mask_size": (4, 2, 1), "data.mask_rate": (0.9,), "optim.lr": 2e-4,
    "optim.weight_decay": 2e-2, "train.epochs": 300,
})  # fmt: skip
WHOLE = {
    "data.augment": ("heavy",), "data.mask_size": None, "data.mask_rate": None,
    "optim.weight_decay": 0.0,
}  # fmt: skip
OPTIMIZERS = {
    "sgd-1e-1": {"optim.name": "sgd", "optim.lr": 0.1},
    "adamw-2e-3": {"optim.name": "adamw", "optim.lr": 2e-3},
}
SCHEDULES = {  # C16: both were tried, their lengths are not on record
    "cosine": {"schedule.name": "cosine"},  # over the stage's own 100 epochs
    "restarts": {"schedule.name": "warm_restarts", "schedule.t_0": 10},
}
ROWS = {
    f"R2-finetune-{optimizer}-{schedule}": {"stages": (
        Stage(1 / 3, WHOLE | rule | course),
        Stage(2 / 3, {"optim.lr": rule["optim.lr"]}),  # names the rate: the schedule begins anew
    )}
    for optimizer, rule in OPTIMIZERS.items()
    for schedule, course in SCHEDULES.items()
}  # fmt: skip


def get_config(variant: str | None = None) -> Study:
    """Four members."""
    return study(
        "r2_finetune", BASE, ROWS, variant, published=R2_PUBLISHED, asrun=R2_ASRUN,
        quick=R2_QUICK | {"train.epochs": 3},
    )  # fmt: skip
