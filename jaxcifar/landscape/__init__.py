"""The loss landscape: training steps at every learning rate, and the band of their losses."""

from jaxcifar.landscape.sweep import (
    StepBand,
    band,
    default_numbers,
    init_states,
    sweep_program,
    sweep_step,
    sweep_steps,
)

__all__ = [
    "StepBand",
    "band",
    "default_numbers",
    "init_states",
    "sweep_program",
    "sweep_step",
    "sweep_steps",
]
