"""Optimizers that end before the learning rate, what they are fed, and schedules."""

from jaxcifar.optim.gradient import ACCUMULATIONS, Carried, clip_by_global_norm
from jaxcifar.optim.table import (
    OPTIMIZERS,
    OptimizerRow,
    apply_direction,
    check,
    eval_params,
    make_optimizer,
)
from jaxcifar.schedules import make_schedule  # both halves of an update rule

__all__ = [
    "ACCUMULATIONS",
    "OPTIMIZERS",
    "Carried",
    "OptimizerRow",
    "apply_direction",
    "check",
    "clip_by_global_norm",
    "eval_params",
    "make_optimizer",
    "make_schedule",
]
