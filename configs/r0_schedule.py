"""R0, schedule table: the conditioned CNN with step, plateau and cosine schedules.

    python -m jaxcifar.train --config configs/r0_schedule.py[:published|:asrun|:quick]

The report's listing has label smoothing 0.1, its checkpoints are named after cross entropy (C6):
--config.loss.smoothing=0.1 gives the former. Variants: `jaxcifar.config.reports`.
"""

from jaxcifar.config import Study, replace
from jaxcifar.config.reports import R0, R0_PUBLISHED, R0_QUICK, study

BASE = replace(R0, {
    "model.filters": (128, 256, 512), "model.dropout_rate": 0.3, "loss.l1": 1e-5,
    "optim.clip": 5.0, "schedule.name": "constant", "schedule.step_size": None,
    "schedule.factor": None,
})  # fmt: skip
ROWS = {
    "R0-sched-step": {
        "schedule.name": "step", "schedule.step_size": 20, "schedule.factor": 0.1,
    },
    "R0-sched-plateau": {  # C6: the second of two listings
        "schedule.name": "plateau", "schedule.factor": 0.2, "schedule.patience": 3,
        "schedule.threshold": 1e-3, "schedule.cooldown": 2,
    },
    "R0-sched-cosine": {"schedule.name": "cosine", "schedule.min_lr": 1e-5},
    "R0-sched-plateau-first": {  # C6: the first listing
        "schedule.name": "plateau", "schedule.factor": 0.5, "schedule.patience": 5,
    },
}  # fmt: skip


def get_config(variant: str | None = None) -> Study:
    """Four members."""
    return study("r0_schedule", BASE, ROWS, variant, published=R0_PUBLISHED, quick=R0_QUICK)
