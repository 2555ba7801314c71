"""What a tracker must be able to do: one small interface, for one member's points."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np


class Subject(NamedTuple):
    """Whose points a writer takes: a member of a study, or the study as a whole."""

    id: str
    workdir: Path
    study: str


class Histogram(NamedTuple):
    """Values counted in bins of equal width between the least and the greatest of them."""

    counts: np.ndarray  # (B,) integers
    low: float
    high: float
    mean: float
    std: float

    @property
    def edges(self) -> np.ndarray:
        """(B + 1,) float64 borders of the bins."""
        return np.linspace(self.low, self.high, len(self.counts) + 1)


class Writer(Protocol):
    """Takes the points of one subject, in the order of their steps.

    `wall_time` is in seconds since 1970. Any method may raise anything: the caller then drops the
    tracker, not the run.
    """

    reached: int  # the last step that it holds already; -1 = none

    def hyperparameters(self, values: Mapping[str, object], metrics: Sequence[str]) -> None:
        """The member's resolved config by dotted path, and the scalars that judge it."""

    def scalars(self, values: Mapping[str, float], step: int, wall_time: float) -> None:
        """Finite numbers by name, all of one step."""

    def histogram(self, name: str, values: Histogram, step: int, wall_time: float) -> None:
        """How values are distributed at a step."""

    def text(self, name: str, text: str, step: int) -> None:
        """Plain text, shown in a fixed-width font."""

    def figure(self, name: str, png: bytes) -> None:
        """A picture."""

    def artifact(self, name: str, write: Callable[[Path], None]) -> None:
        """Keep a file that `write` makes at a path; where no files are kept, it is not called."""

    def flush(self) -> None:
        """See to it that what came so far is not lost, and not taken again after a restart."""

    def close(self, complete: bool) -> None:
        """Nothing comes any more; `complete` = because the subject is finished."""
