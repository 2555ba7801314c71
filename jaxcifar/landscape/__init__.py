"""The loss landscape: one training step at every learning rate, and the band of its losses."""

from jaxcifar.landscape.sweep import band, default_numbers, init_states, sweep_program, sweep_step

__all__ = ["band", "default_numbers", "init_states", "sweep_program", "sweep_step"]
