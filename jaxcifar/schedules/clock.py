"""Time as schedules see it."""

from typing import NamedTuple

import numpy as np

Array = np.ndarray


class Clock(NamedTuple):
    """The time of some steps of a run, on every scale a schedule may need.

    `step` is an int64 array, counted from 0, or one number; `epochs` is the length of the run.
    """

    step: Array | int
    steps_per_epoch: int
    epochs: float

    @property
    def epoch(self) -> Array:
        """Whole epochs finished before the step, int64 of the shape of `step`."""
        return np.asarray(self.step) // self.steps_per_epoch

    @property
    def position(self) -> Array:
        """Epochs finished before the step, with the fraction of the current one, float64."""
        return np.asarray(self.step) / self.steps_per_epoch

    @property
    def n_step(self) -> int:
        """Steps in the whole run."""
        return round(self.epochs * self.steps_per_epoch)

    def in_steps(self, epochs: float) -> int:
        """A number of epochs as the nearest number of steps."""
        return round(epochs * self.steps_per_epoch)

    def after(self, steps: int) -> "Clock":
        """The clock of what begins after that many steps and shares the end; before that, 0."""
        later = np.maximum(np.asarray(self.step) - steps, 0)
        return Clock(later, self.steps_per_epoch, self.epochs - steps / self.steps_per_epoch)
