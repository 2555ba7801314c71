"""What is known of the outputs of a network's layers along training, and the file of a group."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

FILE = "activations.npz"
LEVELS = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)
"""The shares of a layer's outputs that lie below its quantiles."""

_OF = "probe, layer: {} of all numbers that the layer gives for the minibatch of the next step"
UNITS = {
    "layers": "layer: module paths of convolutions, dense layers and normalisations as they run; "
    "(2) is a second call",
    "step": "probe: training steps taken before it",
    "levels": "level: share of the numbers that lies below a quantile, in [0, 1]",
    "mean": _OF.format("mean") + "; BatchNorm by its statistics, no dropout; before activations",
    "std": _OF.format("standard deviation") + ", likewise",
    "quantiles": "probe, layer, level: quantiles of the same numbers; the first and the last are "
    "exact, those between to 1/4096 of the range",
}
"""Fields -> axes and what they are in; what is not finite is NaN."""
SEEN = ("mean", "std", "quantiles")


class Activations(NamedTuple):
    """Distributions of the outputs of D layers at P moments of training, float64."""

    layers: tuple[str, ...]
    step: np.ndarray  # (P,) int64
    levels: np.ndarray  # (Q,) rising
    mean: np.ndarray  # (P, D)
    std: np.ndarray  # (P, D)
    quantiles: np.ndarray  # (P, D, Q), rising along the last axis

    @property
    def units(self) -> dict[str, str]:
        """Field -> its axes, and what its numbers are in."""
        return dict(UNITS)


def of_member(table: Mapping[str, np.ndarray], row: int) -> Activations:
    """One member's from the arrays of a group's file."""
    fields: dict[str, Any] = {name: table[name] for name in ("step", "levels")}
    fields |= {name: table[name][row] for name in SEEN}
    found = Activations(layers=tuple(map(str, table["layers"])), **fields)
    shape = (len(found.step), len(found.layers), len(found.levels))
    wrong = [name for name in SEEN if getattr(found, name).shape != shape[: 2 + (name == SEEN[2])]]
    if wrong:
        raise ValueError(f"{wrong[0]} is {getattr(found, wrong[0]).shape} of {shape}")
    return found
