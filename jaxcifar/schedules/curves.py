"""Learning rates from the clock alone: ``fn(lr0, clock, **options) -> float64``.

Closed forms of PyTorch's schedules. All change at the ends of epochs but `one_cycle`, which
changes at every step.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxcifar.schedules.clock import Array, Clock


def constant(lr0: float, clock: Clock, **options: Any) -> Array:
    """lr0 throughout."""
    del clock, options
    return np.asarray(lr0)


def step(lr0: float, clock: Clock, step_size: int, factor: float) -> Array:
    """Times `factor` every `step_size` epochs."""
    return lr0 * np.float64(factor) ** (clock.epoch // step_size)


def multi_step(lr0: float, clock: Clock, milestones: Sequence[int], factor: float) -> Array:
    """Times `factor` at each of the `milestones`, in epochs."""
    passed = np.searchsorted(np.sort(milestones), clock.epoch, side="right")
    return lr0 * np.float64(factor) ** passed


def exponential(lr0: float, clock: Clock, factor: float) -> Array:
    """Times `factor` every epoch."""
    return lr0 * np.float64(factor) ** clock.epoch


def cosine(lr0: float, clock: Clock, t_max: int | None, min_lr: float) -> Array:
    """Half a cosine from lr0 to `min_lr` in `t_max` epochs; None = the run's."""
    length = clock.epochs if t_max is None else t_max
    return min_lr + (lr0 - min_lr) * (1 + np.cos(np.pi * clock.epoch / length)) / 2


def warm_restarts(lr0: float, clock: Clock, t_0: int, t_mult: int, min_lr: float) -> Array:
    """A cosine from lr0 to `min_lr` that starts anew after t_0, t_0 t_mult, ... epochs."""
    epoch = np.asarray(clock.epoch)
    start, length = np.zeros_like(epoch), np.full_like(epoch, t_0)
    while np.any(over := epoch >= start + length):
        start, length = start + over * length, np.where(over, length * t_mult, length)
    return min_lr + (lr0 - min_lr) * (1 + np.cos(np.pi * (epoch - start) / length)) / 2


def one_cycle(
    lr0: float, clock: Clock, pct_start: float, div_factor: float, final_div_factor: float
) -> Array:
    """One rise and fall over the whole run, both half a cosine, step by step (arXiv:1708.07120).

    From ``lr0 / div_factor`` up to lr0 in the share `pct_start` of the steps, and down to
    ``lr0 / div_factor / final_div_factor`` at the last step.
    """
    bottom, last = lr0 / div_factor, clock.n_step - 1
    top_at = pct_start * clock.n_step - 1
    step = np.asarray(clock.step)
    rise = np.clip(step / max(top_at, 1e-9), 0, 1)
    fall = np.clip((step - top_at) / (last - top_at), 0, 1)
    rising = lr0 + (bottom - lr0) / 2 * (1 + np.cos(np.pi * rise))
    end = bottom / final_div_factor
    return np.where(step <= top_at, rising, end + (lr0 - end) / 2 * (1 + np.cos(np.pi * fall)))
